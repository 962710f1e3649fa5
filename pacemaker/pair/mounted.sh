cat /proc/self/mountinfo && echo "directory $(readlink -m -- "$1")" || exit 1
if [ -n "$2" ] && [ -e "$2" ]; then stat -L -c 'device %t:%T' -- "$2"; else echo 'device -'; fi
