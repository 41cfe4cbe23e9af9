/** A hook of Node's module loader: sources in TypeScript, compiled once per content. */
import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const cache = fileURLToPath(new URL('../../.build/threads', import.meta.url))

export async function load(url, context, next) {
  if (!url.startsWith('file:') || !url.endsWith('.ts')) return next(url, context)
  const source = await readFile(fileURLToPath(url), 'utf8')
  return { format: 'module', shortCircuit: true, source: await compiled(source) }
}

export async function compiled(source) {
  const path = join(cache, `${createHash('sha256').update(source).digest('hex')}.js`)
  const known = await readFile(path, 'utf8').catch(() => undefined)
  if (known !== undefined) return known
  const { default: ts } = await import('typescript')
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: {
      module: ts.ModuleKind.ESNext,
      target: ts.ScriptTarget.ES2023,
      verbatimModuleSyntax: true,
    },
  })
  await mkdir(cache, { recursive: true })
  const beside = `${path}.${process.pid}.${Math.random()}`
  await writeFile(beside, outputText)
  await rename(beside, path)
  return outputText
}
