// Package mlog stands in for monis.app/mlog, the logging facade of azure-workload-identity: no Go module proxy serves
// it. It has just the calls that the pod mutator makes, and writes them with log/slog.
package mlog

import "log/slog"

// LogLevel is how much is logged, from warnings only to everything.
type LogLevel string

// The levels the mutator asks about, from the least to the most talkative.
const (
	LevelWarning LogLevel = ""
	LevelInfo    LogLevel = "info"
	LevelDebug   LogLevel = "debug"
	LevelTrace   LogLevel = "trace"
	LevelAll     LogLevel = "all"
)

// Enabled tells whether level is logged. The lab logs up to info, which is slog's own default.
func Enabled(level LogLevel) bool { return level == LevelWarning || level == LevelInfo }

// Logger writes lines that carry the values it was given.
type Logger struct{ to *slog.Logger }

// New returns a Logger without a name or values.
func New() Logger { return Logger{slog.Default()} }

// WithName returns a Logger whose lines carry the name.
func (l Logger) WithName(name string) Logger { return l.WithValues("logger", name) }

// WithValues returns a Logger whose lines carry these keys and values too.
func (l Logger) WithValues(keysAndValues ...any) Logger { return Logger{l.to.With(keysAndValues...)} }

// Info logs what went as it should.
func (l Logger) Info(message string, keysAndValues ...any) { l.to.Info(message, keysAndValues...) }

// Error logs what failed, and why.
func (l Logger) Error(message string, err error, keysAndValues ...any) {
	l.to.Error(message, append([]any{"error", err}, keysAndValues...)...)
}
