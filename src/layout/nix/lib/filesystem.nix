# Files of the layout's folder.
lib:
let
  inherit (builtins) baseNameOf dirOf pathExists readDir;
in
rec {
  # The kind of a file is what its folder says of it; the layout's own folder is the topmost that can be asked.
  pathType = path: (readDir (dirOf path)).${baseNameOf path};
  pathIsDirectory = path: pathExists path && pathType path == "directory";
  pathIsRegularFile = path: pathExists path && pathType path == "regular";
  listFilesRecursive =
    folder:
    lib.flatten (
      lib.mapAttrsToList (
        name: kind: if kind == "directory" then listFilesRecursive (folder + "/${name}") else folder + "/${name}"
      ) (readDir folder)
    );
}
