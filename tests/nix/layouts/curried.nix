# A function of a flake's inputs that gives a module.
{ disko, ... }:
{ config, ... }:
{
  imports = [ disko.nixosModules.disko ];
  _module.args.mainDisk = "/dev/disk/by-path/pci-0000:00:1f.2-ata-1";
  disko.devices.nodev."/" = {
    fsType = "tmpfs";
    mountOptions = [ "defaults" "size=2G" "mode=755" ];
  };
  disko.devices.disk.main.device = config._module.args.mainDisk;
}
