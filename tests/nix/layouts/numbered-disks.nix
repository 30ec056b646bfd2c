# Disks by number: RAID members, the boot partition only on the first two.
{ lib ? import <nixpkgs/lib>, count ? 4, ... }:
let
  inherit (lib) genAttrs imap0 listToAttrs nameValuePair optionalAttrs range recursiveUpdate;
  letters = lib.stringToCharacters "abcdefgh";
  devices = map (letter: "/dev/sd${letter}") (lib.take count letters);
  base = {
    type = "disk";
    content = {
      type = "gpt";
      partitions.raid = { size = "100%"; content = { type = "mdraid"; name = "md0"; }; };
    };
  };
  withBoot = index: recursiveUpdate base {
    content.partitions.boot = { size = "1M"; type = "EF02"; priority = index + 1; };
  };
in
{
  disko.devices = {
    disk = listToAttrs (
      imap0 (index: device: nameValuePair "disk${lib.fixedWidthNumber 2 index}" (
        (if index < 2 then withBoot index else base) // { inherit device; }
      )) devices
    );
    mdadm.md0 = {
      type = "mdadm";
      level = if count >= 4 then 5 else 1;
      content = { type = "filesystem"; format = "xfs"; mountpoint = "/srv"; }
        // optionalAttrs (count > 3) { mountOptions = [ "noatime" ]; };
    };
    nodev = genAttrs (map (n: "/scratch${toString n}") (range 1 2)) (_: {
      fsType = "tmpfs";
      mountOptions = [ "size=${toString (count * 256)}M" ];
    });
  };
}
