/** A hook of Node's module loader: some sources with one of their rules made wrong. */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { compiled } from '../../src/launch/typescript-hooks.mjs'

let edits = []

export function initialize(data) {
  edits = data.edits
}

export async function load(url, context, next) {
  const own = edits.filter(({ file }) => url.endsWith(`/${file}`))
  if (own.length === 0) return next(url, context)
  const fileName = fileURLToPath(url)
  let source = await readFile(fileName, 'utf8')
  for (const { from, to } of own) source = source.replaceAll(from, () => to)
  return { format: 'module', shortCircuit: true, source: await compiled(source, fileName) }
}
