@echo off
rem Double-click to start MolE Studio, or drop a file on this one. The first start sets it up in this window.
setlocal
chcp 65001 >nul
pushd "%~dp0..\.."
if not exist packaging\bootstrap.py (
    echo This file was started without the folder that it belongs to.
    echo Unpack the whole ZIP file first ^(right-click, Extract All^), then start it from there.
    set CODE=2
    goto end
)

for %%v in (3.12 3.13 3.11) do (
    py -%%v -c "" >nul 2>&1 && (
        set "PYTHON=py -%%v"
        goto found
    )
)
python -c "import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))" >nul 2>&1 && (
    set "PYTHON=python"
    goto found
)
echo MolE Studio needs Python 3.11, 3.12 or 3.13.
echo Install Python 3.12 from https://www.python.org/downloads/ and double-click again.
set CODE=2
goto end

:found
if "%~1"=="" (
    %PYTHON% packaging\bootstrap.py run
) else (
    %PYTHON% packaging\bootstrap.py run "%~f1"
)
set CODE=%ERRORLEVEL%

:end
if not "%CODE%"=="0" pause
popd
exit /b %CODE%
