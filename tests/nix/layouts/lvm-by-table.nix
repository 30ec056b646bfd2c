# Logical volumes from a table, thin pool first.
let
  volumes = [
    { name = "root"; size = 20; mountpoint = "/"; }
    { name = "home"; size = 50; mountpoint = "/home"; format = "xfs"; }
    { name = "var"; size = 10; mountpoint = "/var"; }
  ];
  toVolume = { name, size, mountpoint, format ? "ext4" }: {
    inherit name;
    value = {
      size = "${toString size}G";
      lvm_type = "thinlv";
      pool = "thin";
      content = { type = "filesystem"; inherit format mountpoint; };
    };
  };
  total = builtins.foldl' (sum: volume: sum + volume.size) 0 volumes;
in
{
  disko.devices = {
    disk.pv = {
      device = "/dev/sdc";
      type = "disk";
      content = { type = "lvm_pv"; vg = "pool"; };
    };
    lvm_vg.pool = {
      type = "lvm_vg";
      lvs = builtins.listToAttrs (map toVolume volumes) // {
        thin = { size = "${toString (total * 12 / 10)}G"; lvm_type = "thin-pool"; };
      };
    };
  };
}
