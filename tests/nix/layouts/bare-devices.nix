# The devices alone, as `disko.devices` would hold them.
rec {
  disk.one = {
    type = "disk";
    device = "/dev/disk/by-id/ata-one";
    content = { type = "gpt"; partitions.store = { size = "100%"; content = { type = "bcachefs"; filesystem = "pool"; label = "group.one"; }; }; };
  };
  disk.two = disk.one // { device = "/dev/disk/by-id/ata-two"; };
  bcachefs_filesystems.pool = {
    type = "bcachefs_filesystem";
    mountpoint = "/";
    extraFormatArgs = [ "--compression=lz4" ];
    subvolumes = { "subvolumes/root".mountpoint = "/"; "subvolumes/nix".mountpoint = "/nix"; };
  };
}
