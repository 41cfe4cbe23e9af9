/**
 * Module hooks that let Node run the TypeScript of this clone as it is, for development tools and
 * for the threads of tests. Each file is compiled once per content, into `.build/typescript`.
 */
import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const cache = fileURLToPath(new URL('../../.build/typescript', import.meta.url))

export async function load(url, context, nextLoad) {
  if (!url.startsWith('file:') || !url.endsWith('.ts')) return nextLoad(url, context)
  const fileName = fileURLToPath(url)
  const source = await compiled(await readFile(fileName, 'utf8'), fileName)
  return { format: 'module', source, shortCircuit: true }
}

/** The JavaScript of a source, with a source map that names the file. */
export async function compiled(source, fileName) {
  const hash = createHash('sha256').update(fileName).update('\0').update(source).digest('hex')
  const path = join(cache, `${hash}.js`)
  const known = await readFile(path, 'utf8').catch(() => undefined)
  if (known !== undefined) return known
  const { default: ts } = await import('typescript')
  const compilerOptions = {
    module: ts.ModuleKind.ESNext,
    target: ts.ScriptTarget.ES2023,
    verbatimModuleSyntax: true,
    inlineSourceMap: true,
  }
  const { outputText } = ts.transpileModule(source, { compilerOptions, fileName })
  await mkdir(cache, { recursive: true })
  // Whole or not there: others read it meanwhile.
  const beside = `${path}.${process.pid}.${Math.random()}`
  await writeFile(beside, outputText)
  await rename(beside, path)
  return outputText
}
