// Asks Microsoft's own KQL parser about queries.
// stdin:  {"seconds": for each query, "tables": {table: {column: type}}, "queries": [{"name", "text"}]}
// stdout: {"analyses": [{name, kind, diagnostics, columns, open, tokens, tables, functions}]}, one for each query, in order.
// Positions count characters (code points), as Python does; line and column begin at 1.
import fs from 'node:fs';
import path from 'node:path';
import vm from 'node:vm';
import { createRequire } from 'node:module';

// The package is two scripts that build globals when they run; it exports nothing.
const folder = path.dirname(createRequire(import.meta.url).resolve('@kusto/language-service-next'));
for (const filename of ['bridge.min.js', 'Kusto.Language.Bridge.min.js']) {
  vm.runInThisContext(fs.readFileSync(path.join(folder, filename), 'utf8'), { filename });
}
const { GlobalState, KustoCode, Symbols, Syntax } = globalThis.Kusto.Language;

// What Advanced Hunting has beside its tables: name, parameters, body. Bodies only say which columns come back;
// dynamic stands where Microsoft's pages give no type or contradict themselves, since it takes any use.
const FUNCTIONS = [
  ['AssignedIPAddresses', '(x: string, y: datetime = datetime(null))',
    '{ print Timestamp = datetime(null), IPAddress = "", IPType = "", NetworkAdapterType = dynamic(null), ConnectedNetworks = dynamic(null) }'],
  ['DeviceFromIP', '(T: (IP: string), x: string = "IP", y: datetime = datetime(null))',
    '{ T | project IP, DeviceId = "" }'],
  ['FileProfile', '(T: (*), x: string = "SHA1", y: long = 100)',
    `{ T | extend SHA1 = "", SHA256 = "", MD5 = "", FileSize = int(null), GlobalPrevalence = int(null),
         GlobalFirstSeen = datetime(null), GlobalLastSeen = datetime(null), Signer = "", Issuer = "", SignerHash = "",
         IsCertificateValid = bool(null), IsRootSignerMicrosoft = bool(null), SignatureState = "",
         IsExecutable = bool(null), ThreatName = "", Publisher = "", SoftwareName = "", ProfileAvailability = "" }`],
  ['SeenBy', '(T: (*), x: string = "DeviceId")',
    '{ T | extend SeenBy = dynamic(null) }'],
];

// The library is C# made JavaScript: its lists have Count and getItem.
const items = (list) => Array.from({ length: list.Count }, (_, index) => list.getItem(index));

function columnSymbol(table, name, type) {
  const symbol = Symbols.ScalarTypes.GetSymbol(type);
  if (!symbol) throw new Error(`${table}.${name}: ${type} is no Kusto type`);
  return new Symbols.ColumnSymbol(name, symbol);
}

// Built from symbols rather than from a schema's text, so that no name needs quoting.
function globals(tables) {
  const members = new (System.Collections.Generic.List$1(Symbols.Symbol).ctor)();
  for (const [table, columns] of Object.entries(tables)) {
    const symbols = Object.entries(columns).map(([name, type]) => columnSymbol(table, name, type));
    members.add(new Symbols.TableSymbol.$ctor4(table, symbols));
  }
  for (const [name, parameters, body] of FUNCTIONS) {
    members.add(new Symbols.FunctionSymbol.$ctor16(name, parameters, body, ''));
  }
  return GlobalState.Default.WithDatabase(new Symbols.DatabaseSymbol.$ctor1('hunting', members, false));
}

// UTF-16 offset -> {start, line, column}. A character outside the Basic Multilingual Plane is two offsets, one place.
function positions(characters) {
  const places = [];
  let place = { start: 0, line: 1, column: 1 };
  for (const character of characters) {
    for (let unit = 0; unit < character.length; unit++) places.push(place);
    const { start, line, column } = place;
    const next = character === '\n' ? { line: line + 1, column: 1 } : { line, column: column + 1 };
    place = { start: start + 1, ...next };
  }
  places.push(place);
  return (offset) => places[Math.min(offset, places.length - 1)];
}

function diagnostic({ Start, Length, Severity, Code, Message }, at) {
  const length = at(Start + Length).start - at(Start).start;
  const message = Message.toWellFormed(); // it may quote half a character
  return { ...at(Start), length, severity: Severity.toLowerCase(), code: Code, message };
}

// Comments and blanks are no tokens: the library keeps them as the trivia in front of one.
// It makes two tokens of a stray character of two UTF-16 units; cut by characters, the first is empty and left out.
function tokens(code, characters, at) {
  const found = [];
  let offset = 0;
  for (const token of code.GetLexicalTokens()) {
    const begin = offset + token.Trivia.length;
    offset = begin + token.Text.length;
    const { start } = at(begin);
    const text = characters.slice(start, at(offset).start).join('');
    if (text) found.push({ kind: System.Enum.toString(Syntax.SyntaxKind, token.Kind), text, start });
  }
  return found;
}

// The database's tables and the functions that the text names, also inside `let` functions and by wildcard.
function names(code) {
  const tables = new Set(), functions = new Set();
  const note = (symbol) => {
    if (symbol instanceof Symbols.GroupSymbol) items(symbol.Members).forEach(note);
    else if (symbol instanceof Symbols.TableSymbol && code.Globals.IsDatabaseTable(symbol)) tables.add(symbol.Name);
  };
  Syntax.SyntaxElement.WalkNodes(code.Syntax, (node) => {
    note(node.ReferencedSymbol);
    if (!(node instanceof Syntax.FunctionCallExpression)) return;
    functions.add(node.Name.SimpleName);
    note(node.ResultType); // table("T") is a call whose result is the table itself
  });
  return { tables: [...tables].sort(), functions: [...functions].sort() };
}

function analysis(text, state) {
  const code = KustoCode.ParseAndAnalyze(text, state);
  const characters = [...text];
  const at = positions(characters);
  const result = code.ResultType instanceof Symbols.TableSymbol ? code.ResultType : null;
  return {
    kind: code.Kind.toLowerCase(),
    diagnostics: items(code.GetDiagnostics()).map((found) => diagnostic(found, at)),
    columns: result && items(result.Columns).map(({ Name, Type }) => ({ name: Name, type: Type.Name })),
    open: result !== null && result.IsOpen,
    tokens: tokens(code, characters, at),
    ...names(code),
  };
}

// Nesting costs the parser its square, and its stack: a text that takes too long or too deep is a fault of that text.
function unparsed(error, seconds) {
  const tooLong = error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
  if (!tooLong && !(error instanceof RangeError)) throw error;
  const message = tooLong ? `Not parsed within ${seconds} seconds.` : 'Nested too deeply to be parsed.';
  const whole = { start: 0, line: 1, column: 1, length: 0, severity: 'error', code: 'UNPARSED', message };
  return { kind: 'unknown', diagnostics: [whole], columns: null, open: false, tokens: [], tables: [], functions: [] };
}

// vm is the one way to stop code that runs without awaiting; it calls a global, so the work is put there.
const work = new vm.Script('vizsla()');
function answer({ name, text }, state, seconds) {
  globalThis.vizsla = () => analysis(text, state);
  try {
    return { name, ...work.runInThisContext({ timeout: seconds * 1000 }) };
  } catch (error) {
    return { name, ...unparsed(error, seconds) };
  }
}

const { seconds, tables, queries } = JSON.parse(fs.readFileSync(0, 'utf8'));
const state = globals(tables);
process.stdout.write(JSON.stringify({ analyses: queries.map((query) => answer(query, state, seconds)) }));
