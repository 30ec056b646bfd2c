# A module with options of its own, defaults and conditions.
{ config, lib, pkgs, ... }:
let
  cfg = config.machine.disks;
in
{
  options.machine.disks = {
    enable = lib.mkEnableOption "the standard layout" // { default = true; };
    device = lib.mkOption {
      type = lib.types.str;
      example = "/dev/sda";
      description = "Where the system goes.";
    };
    swap = lib.mkOption {
      type = lib.types.nullOr lib.types.str;
      default = null;
    };
    extraMounts = lib.mkOption {
      type = lib.types.attrsOf (lib.types.submodule ({ name, ... }: {
        options = {
          size = lib.mkOption { type = lib.types.str; default = "10G"; };
          path = lib.mkOption { type = lib.types.path; default = "/${name}"; };
        };
      }));
      default = { };
    };
  };

  config = lib.mkMerge [
    {
      machine.disks.device = lib.mkDefault "/dev/vda";
      machine.disks.extraMounts.srv.size = "20G";
      environment.systemPackages = [ pkgs.gptfdisk ];
    }
    (lib.mkIf cfg.enable {
      disko.devices.disk.main = {
        type = "disk";
        inherit (cfg) device;
        content = {
          type = "gpt";
          partitions = lib.mkMerge [
            {
              ESP = {
                size = lib.mkDefault "500M";
                type = "EF00";
                content = {
                  type = "filesystem";
                  format = "vfat";
                  mountpoint = lib.mkForce "/boot";
                };
              };
              swap = lib.mkIf (cfg.swap != null) {
                size = cfg.swap;
                content.type = "swap";
              };
              root = {
                end = "-10G";
                content = { type = "filesystem"; format = "ext4"; mountpoint = "/"; };
              };
            }
            (lib.mapAttrs (_: mount: {
              inherit (mount) size;
              content = { type = "filesystem"; format = "xfs"; mountpoint = mount.path; };
            }) cfg.extraMounts)
          ];
        };
      };
    })
  ];
}
