#!/bin/busybox sh
# First program of the sample system: finds the root file system, mounts it and hands over to the
# program that init= on the kernel's command line names.
#
# Parameters (those of other initrds, where there are such):
#   init=PATH                    program to hand over to, in a store path
#   root=DEVICE                  LABEL=, UUID=, PARTLABEL=, PARTUUID= or a device file; without it, the
#                                file system that holds the store path of init= is looked for, or one in
#                                memory made where the store is on a file system of its own;
#                                a medium with an ISO 9660 file system makes a live system: its store is
#                                nix-store.squashfs there, and what is written is kept in memory
#   rootfstype= rootflags= ro rw how to mount it
#   rd.luks.uuid=UUID rd.luks.name=UUID=NAME landfall.luks=DEVICE[:NAME]
#                                LUKS devices to open; without them, all are, once the root is not
#                                found without
#   rd.luks.key=PATH landfall.luks.key=PATH
#                                key file in the initrd; else keys in /etc/luks-keys, else a prompt
#   systemd.mount-extra=WHAT:WHERE[:TYPE[:OPTIONS]]
#                                further mounts; those that init= needs are made here
#   rootdelay=SECONDS            how long to wait for devices (default 30)
#   rd.shell                     a shell instead of a restart when there is no root

export PATH=/usr/bin:/usr/sbin
root=/sysroot

say() { echo "landfall-initrd: $*"; }

mount_kernel() {
	mount -t proc -o nosuid,nodev,noexec proc /proc
	mount -t sysfs -o nosuid,nodev,noexec sysfs /sys
	mount -t devtmpfs -o mode=0755,nosuid devtmpfs /dev
	mount -t tmpfs -o mode=0755,nosuid,nodev,size=20% tmpfs /run
	mkdir -p /run/udev /run/lock/lvm /run/lvm /run/cryptsetup
	exec < /dev/console > /dev/console 2>&1
}

read_parameters() {
	init= rootspec= rootfstype=auto rootflags= rootmode=rw rootdelay=30 rescue=
	luks= keys= extra=
	for word in $(cat /proc/cmdline); do
		value=${word#*=}
		case $word in
			init=*) init=$value ;;
			root=*) rootspec=$value ;;
			rootfstype=*) rootfstype=$value ;;
			rootflags=*) rootflags=$value ;;
			rootdelay=*) rootdelay=$value ;;
			ro | rw) rootmode=$word ;;
			rd.luks.uuid=*) luks="$luks UUID=${value#luks-}" ;;
			rd.luks.name=*) luks="$luks UUID=${value%%=*}:${value#*=}" ;;
			landfall.luks=*) luks="$luks $value" ;;
			rd.luks.key=* | landfall.luks.key=*) keys="$keys ${value%%:*}" ;;
			systemd.mount-extra=*) extra="$extra $value" ;;
			rd.shell | rd.shell=1) rescue=1 ;;
		esac
	done
	system=${init%/*}
}

start_udev() {
	/usr/lib/systemd/systemd-udevd --daemon --resolve-names=never
	udevadm trigger --type=subsystems --action=add
	udevadm trigger --type=devices --action=add
	udevadm settle --timeout=30
}

# Block devices that may hold something, and what blkid says of one.
devices() {
	for entry in /sys/class/block/*; do
		name=${entry##*/}
		case $name in ram* | loop* | fd* | zram* | sr*) continue ;; esac
		[ "$(cat "$entry/size")" != 0 ] && [ -b "/dev/$name" ] && echo "/dev/$name"
	done
}
kind() { blkid -p -o value -s TYPE "$1" 2> /dev/null; }

# LABEL=… and its like, or a device file; fails when there is none.
resolve() {
	case $1 in
		*=*) findfs "$1" 2> /dev/null ;;
		*) [ -b "$1" ] && echo "$1" ;;
	esac
}

# Brings up arrays and volume groups. Arrays whose members are all there, udev has started already.
assemble() {
	for device in $(devices); do
		case $(kind "$device") in
			LVM2_member) volumes=1 ;;
			linux_raid_member) arrays=1 ;;
			btrfs) pool=1 ;;
		esac
	done
	[ -n "$arrays" ] && [ -n "$late" ] && mdadm -IRs
	[ -n "$volumes" ] && lvm vgchange -a ay --ignoremonitoring > /dev/null 2>&1
	[ -n "$pool" ] && btrfs device scan > /dev/null 2>&1
	udevadm settle --timeout=30
}

# Opens the LUKS device $1 as $2: with a key file that fits, else by asking.
unlock() {
	device=$1 name=$2
	[ -b "/dev/mapper/$name" ] && return 0
	for key in $keys /crypto_keyfile.bin /etc/luks-keys/*; do
		[ -f "$key" ] && cryptsetup open --key-file "$key" "$device" "$name" 2> /dev/null && return 0
	done
	say "passphrase needed for $device ($name)"
	cryptsetup open --tries 5 "$device" "$name"
}

# Opens the devices that the parameters name, or with "all" every one that is there.
unlock_devices() {
	for entry in $luks; do
		spec=${entry%%:*} name=
		[ "$spec" != "$entry" ] && name=${entry#*:}
		device=$(resolve "$spec") || continue
		unlock "$device" "${name:-luks-$(cryptsetup luksUUID "$device")}"
	done
	[ -n "$luks" ] || [ "$1" != all ] && return
	for device in $(devices); do
		if [ "$(kind "$device")" = crypto_LUKS ]; then
			uuid=$(cryptsetup luksUUID "$device")
			[ -n "$(ls -d /sys/class/block/"${device##*/}"/holders/* 2> /dev/null)" ] && continue
			unlock "$device" "luks-$uuid"
		fi
	done
	udevadm settle --timeout=30
}

# Mounts for looking only, without touching a journal; xfs and ext4 name that differently.
peek() {
	case $1 in
		xfs) options=ro,norecovery,nouuid ;;
		ext[234]) options=ro,noload ;;
		*) options=ro ;;
	esac
	mkdir -p /peek
	mount -t "$1" -o "$options$3" "$2" /peek 2> /dev/null
}

# Notes where the store path of init= is: $found is "DEVICE TYPE OPTIONS" of the root, $store of a file
# system of its own for /nix, each as the mount options to use.
examine() {
	device=$1 type=$2
	peek "$type" "$device" "$3" || return
	if [ -e "/peek$system" ]; then
		found="$device $type ${3#,}"
	elif [ -e "/peek/${system#/nix/}" ]; then
		store="$device $type ${3#,}"
	elif [ -e /peek/etc/NIXOS ]; then
		other="$device $type ${3#,}"
	fi
	umount /peek
}

# A btrfs may keep root and store in subvolumes of any name. They come before the top, from which a store in
# a subvolume "nix" looks as if it were in the root.
examine_btrfs() {
	peek btrfs "$1" ,subvolid=5 || return
	subvolumes=$(btrfs subvolume list /peek 2> /dev/null | sed 's/.* path //' | grep -v ' ')
	umount /peek
	for subvolume in $subvolumes; do
		[ -z "$found" ] && examine "$1" btrfs ",subvol=$subvolume"
	done
	[ -n "$found" ] || { [ -n "$store" ] && [ -n "$other" ]; } || examine "$1" btrfs ,subvolid=5
}

search() {
	found= store= other=
	for device in $(devices); do
		type=$(kind "$device")
		case $type in
			ext[234] | xfs | squashfs | erofs) examine "$device" "$type" ;;
			btrfs) examine_btrfs "$device" ;;
		esac
		[ -n "$found" ] && return
	done
	[ -n "$store" ] && [ -n "$other" ] && found=$other
}

# mount_at "DEVICE TYPE OPTIONS" PLACE
mount_at() {
	set -- $1 "$2"
	[ $# = 4 ] && options=",$3" || options=
	for place; do :; done
	mkdir -p "$place"
	mount -t "$2" -o "$rootmode$options" "$1" "$place"
}

# Mounts a live system from the medium in device $1, in the places that NixOS has for its parts.
mount_medium() {
	modprobe loop
	nix=$root/nix
	mount -t tmpfs -o mode=0755 tmpfs "$root" &&
		mkdir -p "$root/iso" "$nix/.ro-store" "$nix/.rw-store" "$nix/store" &&
		mount -t iso9660 -o ro "$1" "$root/iso" &&
		mount -t squashfs -o ro,loop "$root/iso/nix-store.squashfs" "$nix/.ro-store" &&
		mount -t tmpfs -o mode=0755 tmpfs "$nix/.rw-store" &&
		mkdir "$nix/.rw-store/store" "$nix/.rw-store/work" &&
		mount -t overlay overlay "$nix/store" \
			-o "lowerdir=$nix/.ro-store,upperdir=$nix/.rw-store/store,workdir=$nix/.rw-store/work" &&
		[ -e "$root$system" ] && return 0
	say "$1 is no medium with $system"
	for place in "$nix/store" "$nix/.rw-store" "$nix/.ro-store" "$root/iso" "$root"; do
		umount "$place" 2> /dev/null
	done
	return 1
}

mount_root() {
	mkdir -p "$root"
	if [ -n "$rootspec" ]; then
		device=$(resolve "$rootspec") || return 1
		type=$rootfstype
		[ "$type" = auto ] && type=$(kind "$device")
		if [ "$type" = iso9660 ]; then
			mount_medium "$device"
			return
		fi
		mount -t "$type" -o "$rootmode${rootflags:+,$rootflags}" "$device" "$root" || return 1
	else
		search
		# The store on a file system of its own and no root anywhere: root is in memory.
		[ -z "$found" ] && [ -n "$store" ] && [ "$waited" -ge 5 ] && found="tmpfs tmpfs size=50%,mode=0755"
		[ -n "$found" ] || return 1
		mount_at "$found" "$root" || return 1
		[ -e "$root$system" ] || [ -z "$store" ] || mount_at "$store" "$root/nix"
	fi
	mount_needed
	[ -e "$root$system" ] && return 0
	say "$rootspec has no $system"
	umount -r "$root/nix" 2> /dev/null
	umount "$root"
	return 1
}

# Mounts what the store and the start of the system need, as fstab and the command line name it.
mount_needed() {
	{
		[ -f "$root/etc/fstab" ] && grep -v '^[[:space:]]*#' "$root/etc/fstab"
		for entry in $extra; do echo "$entry" | tr : ' '; done
	} | while read -r what where type options rest; do
		case $where in
			/nix | /nix/store | /usr | /etc | /var | /var/log | /var/lib) ;;
			*) continue ;;
		esac
		grep -q " $root$where " /proc/mounts && continue
		device=$(resolve "$what") || device=$what
		mkdir -p "$root$where"
		mount -t "${type:-auto}" -o "${options:-defaults}" "$device" "$root$where"
	done
}

find_root() {
	waited=0
	while :; do
		arrays= volumes= pool= late=
		[ "$waited" -ge 5 ] && late=1
		unlock_devices named
		assemble
		mount_root && return 0
		if [ "$waited" -ge 2 ]; then
			# Nothing without a key: ask, then look again.
			unlock_devices all
			assemble
			mount_root && return 0
		fi
		[ "$waited" -ge "$rootdelay" ] && return 1
		sleep 1
		waited=$((waited + 1))
	done
}

give_up() {
	say "no file system holds ${init:-anything, for init= is missing}; these devices are there:"
	blkid
	[ -n "$rescue" ] && setsid cttyhack sh
	echo "landfall-sample: failed to find the root file system; restarting in 10 seconds"
	sleep 10
	reboot -f
}

hand_over() {
	udevadm control --exit
	for directory in proc sys dev run; do
		mkdir -p "$root/$directory"
		mount --move "/$directory" "$root/$directory"
	done
	exec switch_root "$root" "$init"
}

mount_kernel
read_parameters
start_udev
[ -n "$init" ] && find_root || give_up
say "found $system on $(grep " $root " /proc/mounts | cut -d ' ' -f 1,3 | head -n 1)"
hand_over
