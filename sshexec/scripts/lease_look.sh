# Looks at the lease file $1, which it makes where there is none, and at who the machine is. Prints one line each: lease, flock, fault, id, name.
path=$1
umask 022
fault=$({ : >>"$path"; } 2>&1) || fault=${fault:-it cannot be written}
[ ! -L "$path" ] && [ -f "$path" ] || fault=${fault:-it is no regular file}
line=
if [ -f "$path" ]; then
	{ read -r line <"$path"; } 2>/dev/null
	[ -n "$line" ] || { [ -r "$path" ] && [ ! -s "$path" ]; } || line=unreadable
fi
echo "lease $line"
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
