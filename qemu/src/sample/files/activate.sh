#!@busybox@ sh
# Brings a file system that holds the store into the shape that this system's programs expect. May run
# any number of times: at each boot, and when the configuration is switched.

bb=@busybox@
system=@toplevel@
umask 022

directory() { $bb mkdir -p "$2" && $bb chmod "$1" "$2"; }
# Replaces a link in one step, so that it is there at every moment.
point() {
	[ -d "$2" ] && [ ! -L "$2" ] && $bb find "$2" -depth -type d -exec $bb rmdir {} \;
	$bb rm -rf "$2.new"
	$bb ln -s "$1" "$2.new" && $bb mv -f -T "$2.new" "$2"
}

for path in /boot /etc /home /mnt /opt /srv /var /var/cache /var/lib /var/log /var/spool /var/empty; do
	directory 0755 "$path"
done
directory 0700 /root
directory 1777 /tmp
directory 1777 /var/tmp
directory 0755 /nix/var/nix/gcroots
[ -e /var/run ] || $bb ln -s ../run /var/run
[ -e /var/lock ] || $bb ln -s ../run/lock /var/lock

# The file hierarchy that Debian's programs have built in is one tree of links into the store.
point "$system/sw" /usr
for name in bin sbin lib lib64; do point "usr/$name" "/$name"; done

# /etc: the links of the configuration, copied as they are (systemd compares their targets); those that
# only the configuration before had are removed, what the machine writes itself stays.
before=$($bb readlink /etc/static)
if [ -n "$before" ] && [ "$before" != "$system/etc" ] && [ -d "$before/" ]; then
	(cd "$before/" && $bb find . ! -type d) | while read -r name; do
		[ -e "$system/etc/$name" ] || [ -L "$system/etc/$name" ] || $bb rm -f "/etc/$name"
	done
fi
$bb cp -r -d -f "$system/etc/." /etc/
point "$system/etc" /etc/static
# The directories come with the store's modes.
$bb find /etc -type d ! -perm -200 -exec $bb chmod 0755 {} +
[ -e /etc/mtab ] || $bb ln -s ../proc/self/mounts /etc/mtab
# An empty file lets systemd choose an identity without taking this for a first boot.
[ -e /etc/machine-id ] || : > /etc/machine-id
: > /etc/NIXOS
: > /etc/.updated
: > /var/.updated

if [ ! -e /etc/passwd ]; then
	base=/usr/share/base-passwd
	$bb sed 's/:\*:/:x:/' "$base/passwd.master" > /etc/passwd
	$bb sed 's/:\*:/:x:/' "$base/group.master" > /etc/group
	# Anyone at the console is root: this system is for tests.
	$bb sed 's/^\([^:]*\):.*/\1:*:20000:0:99999:7:::/; s/^root:\*/root:/' "$base/passwd.master" > /etc/shadow
	$bb sed 's/^\([^:]*\):.*/\1:*::/' "$base/group.master" > /etc/gshadow
	$bb chmod 0640 /etc/shadow /etc/gshadow
	$bb chgrp 42 /etc/shadow /etc/gshadow
fi
/usr/bin/systemd-sysusers

# A live system: the medium brings what Nix knows of the store, in the file that NixOS has for it.
if [ -e /nix/store/nix-path-registration ] && [ ! -e /nix/var/nix/db/db.sqlite ]; then
	/usr/bin/nix-store --load-db < /nix/store/nix-path-registration
	/usr/bin/nix-env -p /nix/var/nix/profiles/system --set "$system"
fi

point "$system" /run/current-system
point /run/current-system /nix/var/nix/gcroots/current-system
point /run/booted-system /nix/var/nix/gcroots/booted-system
