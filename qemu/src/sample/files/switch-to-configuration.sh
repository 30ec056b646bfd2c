#!@busybox@ sh
# switch-to-configuration ACTION: makes this system the running one (test), the one of the next boot
# (boot), or both (switch).

bb=@busybox@
system=@toplevel@

make_current() {
	"$system/activate"
	/usr/bin/systemctl daemon-reload
}

# The boot loader's files come from outside: this system has no program of its own to write them.
make_bootable() {
	if [ -n "$LANDFALL_BOOT_INSTALLER" ]; then
		"$LANDFALL_BOOT_INSTALLER" "$system"
	else
		echo "switch-to-configuration: boot entries are unchanged (LANDFALL_BOOT_INSTALLER is not set)" >&2
	fi
}

case $1 in
	switch) make_bootable && make_current ;;
	boot) make_bootable ;;
	test) make_current ;;
	check) exit 0 ;;
	dry-activate) echo "would activate $system" ;;
	*)
		echo "usage: $0 switch|boot|test|check|dry-activate" >&2
		exit 1
		;;
esac
