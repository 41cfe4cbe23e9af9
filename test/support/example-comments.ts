/**
 * The examples in the comments of the public API: which functions and methods there are, by the
 * door of the package, and what code stands above them, between backticks or as a block.
 */
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { present } from '../../src/assert.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** What users build topologies with. */
const rooms = new RegExp(
  [
    /^\.\/(?:dsl|windows|aggregators|avro)\//,
    /^\.\/(?:processor\/stores|error-policy)\.ts$/,
    /^\.\/registry\/(?:confluent-avro|known-registries)\.ts$/,
  ]
    .map(({ source }) => source)
    .join('|')
)

export interface Described {
  /** The class of a method. */
  readonly owner: string | undefined
  readonly name: string
  readonly file: string
  readonly codes: readonly string[]
}

/** Every public function and method of the DSL, those of superclasses under their own names. */
export function describedApi(): readonly Described[] {
  const found: Described[] = []
  const seen = new Set<string>()
  for (const { name, file } of exportsOf('src/index.ts')) {
    found.push(...functionsOf(name, file))
    for (let at = classOf(name, file); at !== undefined; at = superclassOf(at)) {
      if (seen.has(at.name)) break
      seen.add(at.name)
      found.push(...methodsOf(at))
    }
  }
  return found
}

/** Names of functions and values that examples may use without a word. */
export function exportedValues(): readonly string[] {
  return exportsOf('src/index.ts', /^\.\//)
    .filter(({ isType }) => !isType)
    .map(({ name }) => name)
}

interface Exported {
  readonly name: string
  readonly file: string
  readonly isType: boolean
}

function exportsOf(file: string, from = rooms): readonly Exported[] {
  const found: Exported[] = []
  ts.forEachChild(sourceOf(file), (node) => {
    if (!ts.isExportDeclaration(node) || node.moduleSpecifier === undefined) return
    const path = (node.moduleSpecifier as ts.StringLiteral).text
    if (!from.test(path) || !node.exportClause || !ts.isNamedExports(node.exportClause)) return
    for (const { name, isTypeOnly } of node.exportClause.elements) {
      const isType = node.isTypeOnly || isTypeOnly
      found.push({ name: name.text, file: join(dirname(file), path), isType })
    }
  })
  return found
}

interface Class {
  readonly name: string
  readonly file: string
  readonly node: ts.ClassDeclaration
}

function classOf(name: string, file: string): Class | undefined {
  const node = sourceOf(file).statements.find(
    (one): one is ts.ClassDeclaration => ts.isClassDeclaration(one) && one.name?.text === name
  )
  return node && { name, file, node }
}

function superclassOf({ file, node }: Class): Class | undefined {
  const [clause] = node.heritageClauses ?? []
  if (clause?.token !== ts.SyntaxKind.ExtendsKeyword) return undefined
  const name = present(clause.types[0], 'a superclass').expression.getText()
  for (const one of sourceOf(file).statements) {
    if (!ts.isImportDeclaration(one)) continue
    const bindings = one.importClause?.namedBindings
    if (bindings === undefined || !ts.isNamedImports(bindings)) continue
    if (!bindings.elements.some((element) => element.name.text === name)) continue
    return classOf(name, join(dirname(file), (one.moduleSpecifier as ts.StringLiteral).text))
  }
  return classOf(name, file)
}

function functionsOf(name: string, file: string): readonly Described[] {
  const overloads = sourceOf(file).statements.filter(
    (one) => ts.isFunctionDeclaration(one) && one.name?.text === name
  )
  if (overloads.length === 0) return []
  const comment = overloads.map((one) => commentOf(one, file)).join('\n')
  return [{ owner: undefined, name, file, codes: callsIn(comment, name) }]
}

/** But for overriding ones, which are described where they come from. */
function methodsOf({ name: owner, file, node }: Class): readonly Described[] {
  const comments = new Map<string, string>()
  for (const member of node.members) {
    if (!ts.isMethodDeclaration(member) || !ts.isIdentifier(member.name)) continue
    const hidden = ts.ModifierFlags.Protected | ts.ModifierFlags.Override | ts.ModifierFlags.Static
    if (ts.getCombinedModifierFlags(member) & hidden) continue
    const name = member.name.text
    comments.set(name, `${comments.get(name) ?? ''}\n${commentOf(member, file)}`)
  }
  return [...comments].map(([name, comment]) => ({
    owner,
    name,
    file,
    codes: callsIn(comment, name),
  }))
}

function commentOf(node: ts.Node, file: string): string {
  const { text } = sourceOf(file)
  const [range] = ts.getLeadingCommentRanges(text, node.getFullStart())?.slice(-1) ?? []
  return range === undefined ? '' : text.slice(range.pos, range.end)
}

function callsIn(comment: string, name: string): readonly string[] {
  return [...blocksOf(comment), ...spansOf(comment)].filter(callOf(name))
}

function callOf(name: string): (code: string) => boolean {
  const call = new RegExp(`(^|\\W)${name}(<.*>)?\\(`)
  return (code) => code !== '' && !code.includes('…') && call.test(code)
}

/** What stands four spaces in. */
function blocksOf(comment: string): readonly string[] {
  const lines = linesOf(comment).map((line) => (/^ {4}|^$/.test(line) ? line.slice(4) : '\0'))
  return lines
    .join('\n')
    .split('\0')
    .map((block) => block.trim())
}

/** What stands between backticks. */
function spansOf(comment: string): readonly string[] {
  const prose = linesOf(comment).map((line) => (line.startsWith('    ') ? '' : line))
  return [...prose.join(' ').matchAll(/`([^`]+)`/g)].map(([, code = '']) => code)
}

function linesOf(comment: string): readonly string[] {
  return comment
    .split('\n')
    .map((line) => line.replace(/ ?\*\/$/, '').replace(/^ *(?:\/\*\*|\*) ?/, ''))
}

const sources = new Map<string, ts.SourceFile>()

function sourceOf(file: string): ts.SourceFile {
  let source = sources.get(file)
  if (source === undefined) {
    const text = readFileSync(join(root, file), 'utf8')
    source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2023, true)
    sources.set(file, source)
  }
  return source
}
