#!/bin/sh
# Puts MolE Studio into the desktop's menu for this user; with --remove, takes it out again.
set -eu
here=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
root=$(cd "$here/../.." && pwd)
data=${XDG_DATA_HOME:-$HOME/.local/share}
entry=$data/applications/mole-studio.desktop
icon=$data/icons/hicolor/scalable/apps/mole-studio.svg

if [ "${1:-}" = --remove ]; then
    rm -f "$entry" "$icon"
    echo "Removed from the menu."
    exit 0
fi
mkdir -p "$(dirname "$entry")" "$(dirname "$icon")"
cp "$root/resources/icons/mole-studio.svg" "$icon"
grep -v '^Exec=' "$here/mole-studio.desktop" >"$entry"
# In a desktop file, the characters " ` $ and \ inside quotes are escaped twice; % is doubled.
quoted=$(printf '%s' "$here/mole-studio.sh" | sed -e 's/[\\"`$]/\\\\&/g' -e 's/%/%%/g')
printf 'Exec="%s" %%f\n' "$quoted" >>"$entry"
if command -v update-desktop-database >/dev/null 2>&1; then
    update-desktop-database "$(dirname "$entry")" || true
fi
echo "MolE Studio is in the menu now: $entry"
