#!@busybox@ sh
# Second stage: the root file system is mounted; makes what systemd expects, then becomes it.
# Works with and without an initrd before it.

bb=@busybox@
system=@toplevel@

mounted() { $bb grep -q " $1 " /proc/mounts 2> /dev/null; }

$bb mount -n -o remount,rw / 2> /dev/null
$bb mkdir -p -m 0755 /proc /sys /dev /run /etc /var /usr
mounted /proc || $bb mount -n -t proc -o nosuid,nodev,noexec proc /proc
mounted /sys || $bb mount -n -t sysfs -o nosuid,nodev,noexec sysfs /sys
mounted /dev || $bb mount -n -t devtmpfs -o mode=0755,nosuid devtmpfs /dev
mounted /run || $bb mount -n -t tmpfs -o mode=0755,nosuid,nodev,size=20% tmpfs /run

"$system/activate"
$bb ln -sfn "$system" /run/booted-system

exec "$system/systemd/lib/systemd/systemd" "$@"
