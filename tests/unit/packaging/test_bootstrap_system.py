"""Missing libraries are named with the command that installs them; a display is recognised."""

import pytest


@pytest.fixture
def system(bootstrap_part):
    return bootstrap_part("system")


DEBIAN = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\n'
MINT = 'ID=linuxmint\nID_LIKE="ubuntu debian"\n'
ROCKY = 'ID="rocky"\nID_LIKE="rhel centos fedora"\n'


@pytest.mark.parametrize(
    ("text", "family"),
    [(DEBIAN, "debian"), (MINT, "debian"), ("ID=fedora\n", "fedora"), (ROCKY, "fedora"), ("ID=arch\n", ""), ("", "")],
)
def test_family_of_the_distribution(system, text, family):
    assert system.distribution(text) == family


def test_missing_libraries_without_display_are_the_offscreen_ones(system):
    missing = system.missing_libraries({}, lambda soname: soname != "libEGL.so.1", "linux")
    assert [library.debian for library in missing] == ["libegl1"]


def test_x_libraries_are_wanted_only_with_a_display(system):
    def nothing(soname):
        return "xcb" not in soname

    assert system.missing_libraries({}, nothing, "linux") == []
    missing = system.missing_libraries({"DISPLAY": ":0"}, nothing, "linux")
    assert "libxcb-cursor0" in [library.debian for library in missing]


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_other_systems_need_no_libraries(system, platform):
    assert system.missing_libraries({}, lambda soname: False, platform) == []


def test_command_is_exact_for_each_family(system):
    missing = system.missing_libraries({}, lambda soname: soname not in ("libGL.so.1", "libEGL.so.1"), "linux")
    assert system.install_command(missing, "debian") == "sudo apt install libgl1 libegl1"
    assert system.install_command(missing, "fedora") == "sudo dnf install libglvnd-glx libglvnd-egl"
    assert "libGL.so.1" in system.install_command(missing, "")


class FakeConsole:
    def __init__(self):
        self.commands = []

    def run(self, command, **_):
        self.commands.append(list(command))
        return 0, []

    def say(self, text=""):
        pass


@pytest.fixture
def bare_debian(system, monkeypatch):
    """A Debian that lacks libEGL until apt-get installs it."""
    console = FakeConsole()
    monkeypatch.setattr(system, "this_distribution", lambda: "debian")
    monkeypatch.setattr(system.shutil, "which", lambda name: f"/usr/bin/{name}")
    egl = [library for library in system.OFFSCREEN if library.debian == "libegl1"]

    def missing(environment):
        return [] if any("libegl1" in command for command in console.commands) else egl

    monkeypatch.setattr(system, "missing_libraries", missing)
    return console


def test_root_on_debian_gets_them_installed(system, bare_debian, monkeypatch):
    monkeypatch.setattr(system, "is_root", lambda: True)
    system.provide_libraries(bare_debian)
    assert bare_debian.commands[-1][:3] == ["apt-get", "install", "-y"]


def test_other_users_are_told_the_command(system, bare_debian, monkeypatch, bootstrap_part):
    monkeypatch.setattr(system, "is_root", lambda: False)
    with pytest.raises(bootstrap_part("console").BootstrapError) as caught:
        system.provide_libraries(bare_debian)
    assert "libEGL.so.1" in str(caught.value)
    assert "sudo apt install libegl1" in caught.value.remedy
    assert caught.value.code == 2
    assert bare_debian.commands == []


@pytest.mark.parametrize(
    ("environment", "platform", "answers", "expected"),
    [
        ({}, "linux", True, False),
        ({"DISPLAY": ":0"}, "linux", True, True),
        ({"DISPLAY": ":7"}, "linux", False, False),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", False, True),
        ({"QT_QPA_PLATFORM": "offscreen"}, "linux", False, True),
        ({}, "win32", False, True),
        ({}, "darwin", False, True),
        ({"SSH_CONNECTION": "10.0.0.1 22"}, "darwin", False, False),
    ],
)
def test_display(system, environment, platform, answers, expected):
    assert system.has_display(environment, platform, lambda: answers) is expected


def test_macs_that_torch_has_left_behind_are_told_so(system, bootstrap_part):
    with pytest.raises(bootstrap_part("console").BootstrapError, match="Intel"):
        system.check_architecture("x86_64", "darwin")
    system.check_architecture("arm64", "darwin")


@pytest.mark.parametrize(
    ("machine", "platform", "release", "build", "words"),
    [
        ("ARM64", "win32", "", "win-arm64", "Windows installer"),
        ("arm64", "darwin", "13.6.1", "", "Update macOS"),
        ("x86_64", "linux", "2.31", "", "Ubuntu"),
        ("aarch64", "linux", "2.36", "", "Ubuntu 24.04"),
        ("x86_64", "linux", "2.31-0ubuntu9", "", "Ubuntu"),
    ],
)
def test_systems_without_builds_of_the_libraries_are_told_what_to_do(
    system, bootstrap_part, machine, platform, release, build, words
):
    with pytest.raises(bootstrap_part("console").BootstrapError) as caught:
        system.check_architecture(machine, platform, release, build)
    assert words in caught.value.remedy
    assert caught.value.code == 2


@pytest.mark.parametrize(
    ("machine", "platform", "release", "build"),
    [
        ("AMD64", "win32", "", "win-amd64"),
        ("ARM64", "win32", "", "win-amd64"),
        ("arm64", "darwin", "14.0", ""),
        ("arm64", "darwin", "10.16", ""),
        ("arm64", "darwin", "26.1", ""),
        ("x86_64", "linux", "2.34", ""),
        ("aarch64", "linux", "2.39", ""),
        ("arm64", "darwin", "unknown", ""),
        ("arm64", "darwin", "14", ""),
        ("x86_64", "linux", "2.35-0ubuntu3", ""),
        ("x86_64", "linux", "unknown", ""),
        ("x86_64", "linux", "2.\u00b2", ""),
    ],
)
def test_systems_with_builds_are_let_through(system, machine, platform, release, build):
    system.check_architecture(machine, platform, release, build)


def test_a_c_library_without_a_version_is_let_through(system, monkeypatch):
    monkeypatch.setattr(system.platform, "libc_ver", lambda: ("glibc", ""))
    system.check_architecture("x86_64", "linux")
    monkeypatch.setattr(system.platform, "mac_ver", lambda: ("", ("", "", ""), ""))
    system.check_architecture("arm64", "darwin")
