# Gives a directory back that was kept as PATH.inst. What stands in its place is kept as PATH.undone. Where there is no PATH.inst, it was given back before.
set -e
if [ -e "$1.inst" ]; then
	if [ -e "$1" ]; then
		rm -rf "$1.undone"
		mv -T "$1" "$1.undone"
	fi
	mv -T "$1.inst" "$1"
fi
