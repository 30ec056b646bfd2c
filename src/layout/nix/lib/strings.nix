# Strings.
lib:
let
  inherit (builtins)
    concatStringsSep elemAt filter genList head isList isString length match replaceStrings split stringLength
    substring
    ;
in
rec {
  inherit (builtins)
    baseNameOf concatStringsSep dirOf fromJSON fromTOML hashString match parseDrvName readFile replaceStrings split
    splitVersion stringLength substring toJSON toString unsafeDiscardStringContext
    ;

  lowerChars = stringToCharacters "abcdefghijklmnopqrstuvwxyz";
  upperChars = stringToCharacters "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

  concatStrings = concatStringsSep "";
  concatMapStrings = f: list: concatStrings (map f list);
  concatImapStrings = f: list: concatStrings (lib.imap1 f list);
  concatMapStringsSep = separator: f: list: concatStringsSep separator (map f list);
  concatImapStringsSep = separator: f: list: concatStringsSep separator (lib.imap1 f list);
  concatMapAttrsStringSep = separator: f: set: concatStringsSep separator (lib.mapAttrsToList f set);
  concatLines = concatMapStrings (line: line + "\n");
  join = concatStringsSep;
  intersperse =
    separator: list:
    if length list < 2 then
      list
    else
      builtins.tail (builtins.concatMap (x: [ separator x ]) list);
  replicate = count: text: concatStrings (genList (_: text) count);
  stringToCharacters = text: genList (n: substring n 1 text) (stringLength text);
  stringAsChars = f: text: concatMapStrings f (stringToCharacters text);
  optionalString = condition: text: if condition then text else "";

  hasPrefix = prefix: text: substring 0 (stringLength prefix) text == prefix;
  hasSuffix =
    suffix: text:
    let
      start = stringLength text - stringLength suffix;
    in
    start >= 0 && substring start (-1) text == suffix;
  hasInfix = infix: text: infix == "" || replaceStrings [ infix ] [ "" ] "${text}" != "${text}";
  removePrefix =
    prefix: text: if hasPrefix prefix text then substring (stringLength prefix) (-1) text else text;
  removeSuffix =
    suffix: text:
    if hasSuffix suffix text then substring 0 (stringLength text - stringLength suffix) text else text;
  commonPrefixLength =
    a: b:
    lib.findFirstIndex (n: substring n 1 a != substring n 1 b) (lib.min (stringLength a) (stringLength b)) (
      genList (n: n) (lib.min (stringLength a) (stringLength b))
    );
  splitString = separator: text: filter isString (split (escapeRegex (toString separator)) (toString text));
  trim = trimWith {
    start = true;
    end = true;
  };
  trimWith =
    {
      start ? false,
      end ? false,
    }:
    text:
    let
      blank = "[ \t\r\n]*";
      kept = match "${if start then blank else ""}(|.*[^ \t\r\n])${blank}" text;
      untilEnd = match "${blank}(.*)" text;
    in
    if end then head kept else if start then head untilEnd else text;

  toLower = replaceStrings upperChars lowerChars;
  toUpper = replaceStrings lowerChars upperChars;
  toSentenceCase = text: toUpper (substring 0 1 text) + toLower (substring 1 (-1) text);

  escape = characters: replaceStrings characters (map (character: "\\" + character) characters);
  escapeRegex = escape (stringToCharacters "\\[{()^$?*+|.");
  escapeShellArg =
    argument:
    let
      text = if builtins.isPath argument then toString argument else "${toString argument}";
    in
    if match "[[:alnum:],._+:@%/-]+" text != null then text else "'${replaceStrings [ "'" ] [ "'\\''" ] text}'";
  escapeShellArgs = arguments: concatMapStringsSep " " escapeShellArg (lib.toList arguments);
  isValidPosixName = name: match "[a-zA-Z_][a-zA-Z0-9_]*" name != null;
  toShellVar =
    name: value:
    if builtins.isAttrs value && !isStringLike value then
      "declare -A ${name}=(${
        concatStringsSep " " (lib.mapAttrsToList (key: item: "[${escapeShellArg key}]=${escapeShellArg item}") value)
      })"
    else if isList value then
      "declare -a ${name}=(${escapeShellArgs value})"
    else
      "${name}=${escapeShellArg value}";
  toShellVars = variables: concatStringsSep "\n" (lib.mapAttrsToList toShellVar variables);
  escapeNixString = text: escape [ "$" ] (builtins.toJSON text);
  escapeNixIdentifier =
    text: if match "[a-zA-Z_][a-zA-Z0-9_'-]*" text != null then text else escapeNixString text;
  # Programs of packages: a package is not there, which evaluating it says.
  makeBinPath = makeSearchPath "bin";
  getBin = package: package;
  getExe' = package: name: "${package}/bin/${name}";
  getExe = package: getExe' package package.name;

  escapeXML = replaceStrings [ "\"" "'" "<" ">" "&" ] [ "&quot;" "&apos;" "&lt;" "&gt;" "&amp;" ];
  sanitizeDerivationName =
    text:
    let
      kept = concatMapStrings (part: if isList part then "-" else part) (
        split "[^[:alnum:]+._?=-]+" (toString text)
      );
      begun = match "\\.*(.*)" kept;
      name = substring (lib.max (stringLength (head begun) - 207) 0) (-1) (head begun);
    in
    if name == "" then "unknown" else name;

  versionOlder = a: b: builtins.compareVersions b a == 1;
  versionAtLeast = a: b: !(versionOlder a b);
  getName = x: if isString x then (builtins.parseDrvName x).name else x.pname or (builtins.parseDrvName x.name).name;
  getVersion = x: if isString x then (builtins.parseDrvName x).version else x.version or (builtins.parseDrvName x.name).version;
  versions = {
    major = version: elemAt (builtins.splitVersion version) 0;
    minor = version: elemAt (builtins.splitVersion version) 1;
    patch = version: elemAt (builtins.splitVersion version) 2;
    majorMinor = version: concatStringsSep "." (lib.take 2 (builtins.splitVersion version));
    splitVersion = builtins.splitVersion;
  };

  fixedWidthString =
    width: filler: text:
    if stringLength text > width then
      throw "fixedWidthString: `${text}` is longer than ${toString width} characters"
    else if stringLength text == width then
      text
    else
      filler + fixedWidthString (width - stringLength filler) filler text;
  fixedWidthNumber = width: number: fixedWidthString width "0" (toString number);
  floatToString = toString;
  toInt =
    text:
    let
      plain = match "[[:space:]]*(-?(0|[1-9][[:digit:]]*))[[:space:]]*" text;
    in
    if plain == null then throw "toInt: `${text}` is not a number" else builtins.fromJSON (head plain);
  toIntBase10 =
    text:
    let
      parts = match "[[:space:]]*(-?)0*([[:digit:]]+)[[:space:]]*" text;
    in
    if parts == null then
      throw "toIntBase10: `${text}` is not a number"
    else
      builtins.fromJSON (head parts + elemAt parts 1);
  isStringLike = x: isString x || builtins.isPath x || x ? outPath || x ? __toString;
  isConvertibleWithToString =
    x: isStringLike x || builtins.elem (builtins.typeOf x) [ "null" "int" "float" "bool" ] || (isList x && builtins.all isConvertibleWithToString x);
  fileContents = path: removeSuffix "\n" (builtins.readFile path);
  readPathsFromFile = folder: file: map (line: folder + "/${line}") (filter (line: line != "") (splitString "\n" (fileContents file)));
  normalizePath = text: replaceStrings [ "//" ] [ "/" ] text;
  makeSearchPath = folder: paths: concatStringsSep ":" (map (path: path + "/" + folder) (filter (path: path != null) paths));
}
