// Package mlog replaces monis.app/mlog, the logging facade of azure-workload-identity. No Go module proxy serves
// monis.app/mlog. This package has only the calls that the pod mutator makes, and logs with log/slog.
package mlog

import "log/slog"

// LogLevel is the amount that is logged, from warnings only to everything.
type LogLevel string

// The levels that the mutator uses, from the fewest to the most messages.
const (
	LevelWarning LogLevel = ""
	LevelInfo    LogLevel = "info"
	LevelDebug   LogLevel = "debug"
	LevelTrace   LogLevel = "trace"
	LevelAll     LogLevel = "all"
)

// Enabled reports whether level is logged. The lab logs up to info, the default of slog.
func Enabled(level LogLevel) bool { return level == LevelWarning || level == LevelInfo }

// Logger writes lines that have its values.
type Logger struct{ to *slog.Logger }

// New returns a Logger without a name or values.
func New() Logger { return Logger{slog.Default()} }

// WithName returns a Logger whose lines have the name.
func (l Logger) WithName(name string) Logger { return l.WithValues("logger", name) }

// WithValues returns a Logger whose lines also have these keys and values.
func (l Logger) WithValues(keysAndValues ...any) Logger { return Logger{l.to.With(keysAndValues...)} }

// Info logs a success.
func (l Logger) Info(message string, keysAndValues ...any) { l.to.Info(message, keysAndValues...) }

// Error logs a failure with its cause.
func (l Logger) Error(message string, err error, keysAndValues ...any) {
	l.to.Error(message, append([]any{"error", err}, keysAndValues...)...)
}
