/** The pages and what they need, all from here: no other host is asked for anything. */
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { extname } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Context } from 'hono'
import { answer, tagOf } from './answers.ts'
import { problem } from './problem.ts'

interface Asset {
  readonly body: Uint8Array<ArrayBuffer>
  readonly contentType: string
  readonly cacheControl: string
  readonly etag: string
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
}

/** The build puts them beside this file, as they are beside its source. */
const place = new URL('./page/', import.meta.url)
/** Stands in each page for what all of them have: `frame.html`. */
const frameMark = '<!-- frame -->\n'

/** Reads the pages' files once. Throws if they are not there. */
export function pageAssets(): ReadonlyMap<string, Asset> {
  const names = readdirSync(place).filter((name) => extname(name) in types)
  const frame = readFileSync(new URL('frame.html', place), 'utf8')
  const own = names.map((name) => {
    const bytes = readFileSync(new URL(name, place))
    const body = extname(name) === '.html' ? framed(bytes, name, frame) : bytes
    return [name, assetOf(name, body)] as const
  })
  const { resolve } = createRequire(import.meta.url)
  // A package may show its parts to bundlers alone: it is found by its description.
  const part = (name: string, path: string): Asset => {
    return load(new URL(path, pathToFileURL(resolve(`${name}/package.json`))))
  }
  return new Map([
    ...own,
    ['dagre.mjs', part('@dagrejs/dagre', 'dist/dagre.esm.js')],
    ['uplot.mjs', part('uplot', 'dist/uPlot.esm.js')],
    ['uplot.css', part('uplot', 'dist/uPlot.min.css')],
  ])
}

export function asset(assets: ReadonlyMap<string, Asset>, name?: string) {
  return (context: Context): Response => {
    const found = assets.get(name ?? context.req.param('name') ?? '')
    if (found === undefined) return problem(context, 404, 'There is no such file.')
    return answer(context, found.body, found)
  }
}

/** The page within the frame, whose link to it says so. */
function framed(page: Uint8Array, name: string, frame: string): Uint8Array {
  const link = `<a href="${name === 'index.html' ? './' : name.replace('.html', '')}"`
  const own = frame.replace(`${link}>`, `${link} aria-current="page">`)
  return Buffer.from(String(page).replace(frameMark, () => own))
}

function load(url: URL): Asset {
  return assetOf(url.pathname, readFileSync(url))
}

function assetOf(name: string, bytes: Uint8Array): Asset {
  const body = new Uint8Array(bytes)
  const contentType = types[extname(name)] ?? 'application/octet-stream'
  return { body, contentType, cacheControl: 'no-cache', etag: tagOf(body) }
}
