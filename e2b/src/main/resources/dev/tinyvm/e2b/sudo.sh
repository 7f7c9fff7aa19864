#!/bin/sh
# sudo for a sandbox whose image has none: runs a command as root, or as the user of -u, without a password. Put here by TinyVM; su does the work.
user=root
shell=
directory=
keep=
refuse() {
  echo "sudo: $*" >&2
  exit 1
}
while [ $# -gt 0 ]; do
  case $1 in
    -u | --user) [ $# -gt 1 ] || refuse "$1 wants a user"; user=$2; shift ;;
    -u?*) user=${1#-u} ;;
    --user=*) user=${1#--user=} ;;
    -D | --chdir) [ $# -gt 1 ] || refuse "$1 wants a directory"; directory=$2; shift ;;
    -i | --login) shell=login ;;
    -s | --shell) shell=yes ;;
    -E | --preserve-env | --preserve-env=* | -nE | -En | -EH | -HE) keep=yes ;;
    -n | --non-interactive | -H | --set-home | -nH | -Hn | -S | --stdin | -k | --reset-timestamp) ;;
    -v | --validate) exit 0 ;;
    --) shift; break ;;
    -*) refuse "this image has no sudo of its own, and the stand-in does not know $1; with sudo installed on the host, new sandboxes have the real one" ;;
    *) break ;;
  esac
  shift
done
account=$(getent passwd "$user") || refuse "unknown user $user"
if [ $# -eq 0 ]; then
  [ -n "$shell" ] || refuse "name a command, or -i or -s for a shell"
  set -- "${account##*:}"
elif [ -n "$shell" ]; then
  set -- "${account##*:}" -c "$*"
fi
case $1 in
  [A-Za-z_]*=*) set -- env "$@" ;;
esac
if [ "$shell" = login ]; then
  directory=${account%:*} directory=${directory##*:}
fi
SUDO_USER=$(id -un) SUDO_UID=$(id -u) SUDO_GID=$(id -g)
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH SUDO_USER SUDO_UID SUDO_GID USER="$user" LOGNAME="$user"
if [ -n "$directory" ]; then
  set -- su -s /bin/sh -c 'cd "$1" || exit 1; shift; exec "$@"' -- "$user" sudo "$directory" "$@"
else
  set -- su -s /bin/sh -c 'exec "$@"' -- "$user" sudo "$@"
fi
[ -n "$keep" ] || set -- env -i PATH="$PATH" TERM="${TERM:-dumb}" LANG="${LANG:-C.UTF-8}" USER="$user" LOGNAME="$user" \
  SUDO_USER="$SUDO_USER" SUDO_UID="$SUDO_UID" SUDO_GID="$SUDO_GID" "$@"
exec "$@"
