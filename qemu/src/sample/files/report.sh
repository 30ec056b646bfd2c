#!@busybox@ sh
# One line on the console that tests wait for.
specialisation=-
[ -e /run/current-system/specialisation-name ] && read -r specialisation < /run/current-system/specialisation-name
printf '\r\nlandfall-sample: multi-user reached %s\r\n' "$specialisation" > /dev/console
