# Puts back what a restore replaced. Arguments: the archive of what was there before, the path, and the path as the archive has it.
# What the restore put there is kept as PATH.undone. A file changes by one rename. An archive that cannot be read changes nothing.
set -e
members=$(tar tf "$1")
tmp=$2.undo
rm -rf "$tmp"
case "
$members
" in
*"
$3
"* | *"
$3/
"*)
	mkdir -m 700 "$tmp"
	tar xpf "$1" -C "$tmp" "$3"
	;;
esac
if [ -e "$2" ] || [ -L "$2" ]; then
	rm -rf "$2.undone"
	if [ -d "$2" ] || [ ! -e "$tmp/$3" ]; then
		mv -T "$2" "$2.undone"
	else
		cp -a "$2" "$2.undone"
	fi
fi
if [ -e "$tmp/$3" ] || [ -L "$tmp/$3" ]; then
	mv -fT "$tmp/$3" "$2"
	if command -v restorecon >/dev/null; then restorecon -R "$2"; fi
fi
rm -rf "$tmp"
