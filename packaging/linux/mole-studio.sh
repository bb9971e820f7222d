#!/bin/sh
# Starts MolE Studio: mole-studio.sh [FILE]. The first start sets it up, in a terminal so that progress is seen.
set -u
here=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
root=$(cd "$here/../.." && pwd)

python=
for name in python3.12 python3.13 python3.11 python3; do
    if "$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
        python=$name
        break
    fi
done
# Without a supported Python, the set-up itself says what to install.
set -- "${python:-python3}" "$root/packaging/bootstrap.py" run "$@"

if [ -t 1 ] || [ -f "$root/.venv/mole-studio.json" ] || [ -z "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
    exec "$@"
fi
# A terminal closes with its command, and what went wrong could not be read.
# shellcheck disable=SC2016
wait='"$@" || { printf "\nPress Enter to close this window. "; read -r _; }'
for terminal in x-terminal-emulator gnome-terminal ptyxis konsole xfce4-terminal xterm; do
    command -v "$terminal" >/dev/null 2>&1 || continue
    case $terminal in
    gnome-terminal | ptyxis) exec "$terminal" -- sh -c "$wait" sh "$@" ;;
    xfce4-terminal) exec "$terminal" -x sh -c "$wait" sh "$@" ;;
    *) exec "$terminal" -e sh -c "$wait" sh "$@" ;;
    esac
done
exec "$@"
