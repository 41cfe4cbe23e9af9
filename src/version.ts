/** The version of the package, whether it runs from its sources or as built. */
import { existsSync, readFileSync } from 'node:fs'

const places = ['../package.json', '../../package.json']

export function packageVersion(): string {
  for (const place of places) {
    const url = new URL(place, import.meta.url)
    if (!existsSync(url)) continue
    const { name, version } = JSON.parse(readFileSync(url, 'utf8')) as Record<string, unknown>
    if (name === 'millrace' && typeof version === 'string') return version
  }
  return 'unknown'
}
