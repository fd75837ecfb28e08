#!/bin/sh
# Prints what this machine lacks, before anything is downloaded or built: all of it in one message, with one command.
#
#   lab/prerequisites.sh NAME…    python, linux, go, node, certificates, azcopy, curl, …
#
# Exits with 1 where one of them is missing. A shell script, since Python may be what is missing.
set -u
PYTHON=${PYTHON:-python3}
HERE="this system's package manager"
lacks='' packages='' elsewhere='' update=''

has() { command -v "$1" >/dev/null 2>&1; }
at_least() { # VERSION LEAST: false where the version is older, or empty
  [ -n "$1" ] && [ "$(printf '%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]
}
lack() { # DESCRIPTION: one more line of the message
  lacks="$lacks
  - $1"
}
packaged() { # LEAST WHERE PACKAGE…: from apt, unless its version of the first package is older than LEAST; then from WHERE
  least=$1 where=$2
  shift 2
  candidate=$(apt-cache policy "$1" 2>/dev/null | sed -n 's/^  Candidate: \([0-9]*:\)\{0,1\}\([0-9][0-9.]*\).*/\2/p')
  if ! has apt-get; then by_hand "$where"
  elif [ -z "$candidate" ]; then # apt has no index yet
    update='apt-get update && ' packages="$packages $*"
    [ "$least" = 0 ] || by_hand "$where (where apt has none from $least on)"
  elif at_least "$candidate" "$least"; then packages="$packages $*"
  else by_hand "$where (apt has $candidate)"
  fi
}
by_hand() { # WHERE
  elsewhere="$elsewhere
  $1"
}
found() { # VERSION: the words for a version that is too old, or for none
  if [ -n "$1" ]; then echo "found $1"; else echo "found none"; fi
}

for name in "$@"; do
  case $name in
    python)
      version=$("$PYTHON" -c 'import platform; print(platform.python_version())' 2>/dev/null)
      if ! at_least "$version" 3.11; then
        lack "Python 3.11 or newer; $PYTHON: $(found "$version"). To use another: make PYTHON=python3.12 …"
        packaged 3.11 "Python: https://www.python.org/downloads/" python3 python3-venv
      elif ! "$PYTHON" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        lack "Python's modules venv and ensurepip"
        packaged 0 "Python's modules venv and ensurepip: $HERE" python3-venv
      fi
      ;;
    linux)
      [ "$(uname -s)" = Linux ] || lack "Linux; this is $(uname -s)"
      if [ "$(uname -m)" != x86_64 ]; then
        for tool in kubectl helm azcopy; do
          has "$tool" || lack "$tool on PATH: the packages that the lab takes it from are for x86-64, this is $(uname -m)"
        done
      fi
      ;;
    go)
      version=$(go version 2>/dev/null | sed -n 's/.*\bgo\([0-9][0-9.]*\).*/\1/p')
      at_least "$version" 1.26 || {
        lack "Go 1.26 or newer, which builds the control plane and the webhook; $(found "$version")"
        packaged 1.26 "Go: https://go.dev/doc/install" golang-go
      }
      ;;
    node)
      version=$(node --version 2>/dev/null | sed 's/^v//')
      if ! at_least "$version" 20; then
        lack "Node.js 20 or newer with npm, for Azurite and azcopy; $(found "$version")"
        # NodeSource's package brings npm with it, and conflicts with Debian's.
        npm=$(apt-cache show nodejs 2>/dev/null | grep -q '^Provides:.* npm' || echo npm)
        packaged 20 "Node.js: https://nodejs.org/en/download" nodejs $npm
      elif ! has npm; then
        lack "npm, which installs Azurite and azcopy"
        packaged 0 "npm: $HERE" npm
      fi
      ;;
    certificates)
      for path in "${SSL_CERT_FILE:-}" "${SSL_CERT_DIR:-}" /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt; do
        [ -z "$path" ] || [ ! -e "$path" ] || continue 2
      done
      lack "certificate authorities, by which Go verifies what it downloads"
      packaged 0 "Certificate authorities: $HERE" ca-certificates
      ;;
    azcopy)
      # Where there is apt, the lab brings the library along: lab/libraries.py.
      has azcopy || has apt-get || { ldconfig -p || /sbin/ldconfig -p; } 2>/dev/null | grep -q 'libsecret-1\.so\.0' || {
        lack "the library libsecret-1.so.0 for azcopy, which the lab brings along only where there is apt"
        by_hand "libsecret: $HERE"
      }
      ;;
    *)
      has "$name" || {
        lack "$name"
        packaged 0 "$name: $HERE" "$name"
      }
      ;;
  esac
done

[ -n "$lacks" ] || exit 0
{
  echo "This machine lacks:$lacks"
  if [ "$(id -u)" = 0 ]; then sudo=''; else sudo='sudo '; fi
  [ -z "$packages" ] || printf '\nInstall with:\n  %s%sapt-get install%s\n' "${update:+$sudo$update}" "$sudo" "$packages"
  [ -z "$elsewhere" ] || printf '\nTo be had elsewhere:%s\n' "$elsewhere"
} >&2
exit 1
