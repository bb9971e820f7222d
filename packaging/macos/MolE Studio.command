#!/bin/sh
# Double-click to start MolE Studio. The first start sets it up in this terminal window.
cd "$(dirname "$0")/../.." || exit 1
for name in python3.12 python3.13 python3.11 \
    /Library/Frameworks/Python.framework/Versions/3.12/bin/python3 \
    /Library/Frameworks/Python.framework/Versions/3.13/bin/python3 \
    /opt/homebrew/bin/python3.12 /opt/homebrew/bin/python3.13 /opt/homebrew/bin/python3.11 python3; do
    if "$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
        exec "$name" packaging/bootstrap.py run "$@"
    fi
done
echo "MolE Studio needs Python 3.11, 3.12 or 3.13."
echo "Install Python 3.12 from https://www.python.org/downloads/ and double-click again."
exit 2
