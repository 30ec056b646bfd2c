# A host that takes its disks from shared modules and changes one thing.
{ inputs, lib, modulesPath, ... }:
{
  imports = [
    inputs.disko.nixosModules.disko
    (modulesPath + "/profiles/qemu-guest.nix")
    ./split/common.nix
    (import ./split/swap.nix { size = 8; })
  ];
  networking.hostName = "alpha";
  disko.devices.disk.main.device = lib.mkForce "/dev/vdz";
  boot.loader.systemd-boot.enable = true;
}
