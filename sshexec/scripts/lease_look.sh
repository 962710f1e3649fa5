# Looks at the lease file $1, which it makes where there is none, at the lease file $2, where that is not empty, and at who the machine is. Prints one line
# each: lease, at, other, flock, fault, id, name.
path=$1 standard=$2
umask 022
fault=$({ : >>"$path"; } 2>&1) || fault=${fault:-it cannot be written}
[ ! -L "$path" ] && [ -f "$path" ] || fault=${fault:-it is no regular file}
line='' at='' other=
if [ -f "$path" ]; then
	{ { read -r line; read -r at; } <"$path"; } 2>/dev/null
	# A blank line in a file that is not empty is a torn write, unless there is text in it: then it is somebody's file.
	[ -n "$line" ] || { [ -r "$path" ] && [ ! -s "$path" ]; } || {
		line=unreadable
		[ -z "$(head -c 4096 "$path" 2>/dev/null | tr -d '\000 \t\n')" ] || line='(a blank line, and text behind it)'
	}
fi
[ -z "$standard" ] || { read -r other <"$standard"; } 2>/dev/null
printf 'lease %s\nat %s\nother %s\n' "$line" "$at" "$other"
if command -v flock >/dev/null 2>&1; then echo "flock yes"; else echo "flock no"; fi
echo "fault $(echo "$fault" | tr '\n' ' ')"
from='' id=
for from in /etc/machine-id /var/lib/dbus/machine-id /sys/class/dmi/id/product_uuid; do
	{ read -r id <"$from"; } 2>/dev/null
	[ -z "$id" ] || break
done
[ -n "$id" ] || from=
echo "id $from $id"
echo "name $(hostname 2>/dev/null || uname -n)"
