# Texts of every kind: hooks with shell quoting, escapes, computed names.
{ lib, ... }:
let
  keyFile = "/tmp/" + builtins.substring 0 8 (builtins.hashString "sha256" "host") + ".key";
  esc = lib.escapeShellArgs [ "a b" "it's" "$HOME" ];
in
{
  disko.devices.disk."by.name" = {
    type = "disk";
    device = "/dev/${lib.toLower "SDA"}";
    preCreateHook = ''
      echo -n "''${SECRET:-none}" > ${keyFile}
      printf '%s\n' ${esc}
      for n in $(seq 3); do
        echo "$n" ''\t tab
      done
    '';
    content = {
      type = "gpt";
      partitions = lib.concatMapAttrs (name: size: {
        "${name}-${lib.toUpper (lib.substring 0 1 name)}" = {
          inherit size;
          label = "p-${lib.concatMapStringsSep "_" (c: c) (lib.stringToCharacters name)}";
          attributes = lib.optionals (lib.hasPrefix "r" name) [ 2 ];
        };
      }) { root = "10G"; data = "100%"; };
    };
  };
}
