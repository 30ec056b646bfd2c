# Sets.
lib:
let
  inherit (builtins)
    attrNames attrValues concatLists concatMap elemAt filter foldl' head isAttrs isList length listToAttrs mapAttrs
    removeAttrs tail zipAttrsWith
    ;
in
rec {
  inherit (builtins)
    attrNames attrValues catAttrs getAttr hasAttr intersectAttrs listToAttrs mapAttrs removeAttrs zipAttrsWith
    ;

  attrByPath =
    path: default: set:
    if path == [ ] then
      set
    else if isAttrs set && set ? ${head path} then
      attrByPath (tail path) default set.${head path}
    else
      default;
  hasAttrByPath =
    path: set: path == [ ] || (isAttrs set && set ? ${head path} && hasAttrByPath (tail path) set.${head path});
  longestValidPathPrefix =
    path: set:
    if path != [ ] && isAttrs set && set ? ${head path} then
      [ (head path) ] ++ longestValidPathPrefix (tail path) set.${head path}
    else
      [ ];
  setAttrByPath = path: value: if path == [ ] then value else { ${head path} = setAttrByPath (tail path) value; };
  getAttrFromPath =
    path: set:
    if hasAttrByPath path set then
      attrByPath path null set
    else
      throw "cannot find attribute `${builtins.concatStringsSep "." path}`";
  showAttrPath = path: if path == [ ] then "<root attribute path>" else builtins.concatStringsSep "." path;

  attrVals = names: set: map (name: set.${name}) names;
  getAttrs = names: set: listToAttrs (map (name: nameValuePair name set.${name}) names);
  nameValuePair = name: value: { inherit name value; };
  attrsToList = set: map (name: nameValuePair name set.${name}) (attrNames set);
  mapAttrsToList = f: set: map (name: f name set.${name}) (attrNames set);
  mapAttrs' = f: set: listToAttrs (map (name: f name set.${name}) (attrNames set));
  genAttrs = names: f: listToAttrs (map (name: nameValuePair name (f name)) names);
  genAttrs' = list: f: listToAttrs (map f list);
  concatMapAttrs = f: set: foldl' (all: name: all // f name set.${name}) { } (attrNames set);
  filterAttrs = keep: set: removeAttrs set (filter (name: !(keep name set.${name})) (attrNames set));
  filterAttrsRecursive =
    keep: set:
    mapAttrs (_: value: if isAttrs value then filterAttrsRecursive keep value else value) (filterAttrs keep set);
  optionalAttrs = condition: set: if condition then set else { };

  foldlAttrs = f: start: set: foldl' (result: name: f result name set.${name}) start (attrNames set);
  foldAttrs =
    f: start: sets:
    zipAttrsWith (_: values: lib.foldr f start values) sets;
  collect =
    wanted: value:
    if wanted value then
      [ value ]
    else if isAttrs value then
      concatMap (collect wanted) (attrValues value)
    else
      [ ];
  cartesianProduct =
    lists:
    foldl' (
      sets: name: concatMap (set: map (value: set // { ${name} = value; }) lists.${name}) sets
    ) [ { } ] (attrNames lists);
  cartesianProductOfSets = cartesianProduct;
  mapCartesianProduct = f: lists: map f (cartesianProduct lists);

  mapAttrsRecursive = mapAttrsRecursiveCond (_: true);
  mapAttrsRecursiveCond =
    enter: f: set:
    let
      at =
        path:
        mapAttrs (
          name: value:
          if isAttrs value && enter value then at (path ++ [ name ]) value else f (path ++ [ name ]) value
        );
    in
    at [ ] set;
  mapAttrsToListRecursive = f: set: collectAt f [ ] set;
  collectAt =
    f: path: set:
    concatLists (
      mapAttrsToList (
        name: value: if isAttrs value then collectAt f (path ++ [ name ]) value else [ (f (path ++ [ name ]) value) ]
      ) set
    );

  isDerivation = value: value.type or null == "derivation";
  recurseIntoAttrs = set: set // { recurseForDerivations = true; };
  dontRecurseIntoAttrs = set: set // { recurseForDerivations = false; };

  zipAttrsWithNames =
    names: f: sets:
    listToAttrs (map (name: nameValuePair name (f name (builtins.catAttrs name sets))) names);
  zipAttrs = zipAttrsWith (_: values: values);
  concatAttrValues = set: concatLists (attrValues set);
  mergeAttrsList = foldl' (all: set: all // set) { };
  recursiveUpdateUntil =
    stop: left: right:
    let
      merge =
        path: a: b:
        a
        // mapAttrs (
          name: value:
          let
            here = path ++ [ name ];
          in
          if a ? ${name} && !(stop here a.${name} value) then merge here a.${name} value else value
        ) b;
    in
    merge [ ] left right;
  recursiveUpdate = recursiveUpdateUntil (_: a: b: !(isAttrs a && isAttrs b));
  matchAttrs =
    pattern: set:
    builtins.all (
      name:
      set ? ${name}
      && (
        if isAttrs pattern.${name} then
          isAttrs set.${name} && matchAttrs pattern.${name} set.${name}
        else
          pattern.${name} == set.${name}
      )
    ) (attrNames pattern);
  overrideExisting = old: new: mapAttrs (name: value: new.${name} or value) old;
  unionOfDisjoint =
    a: b:
    let
      both = attrNames (builtins.intersectAttrs a b);
    in
    if both == [ ] then a // b else throw "unionOfDisjoint: both sets have `${head both}`";
}
