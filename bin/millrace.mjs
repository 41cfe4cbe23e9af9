#!/usr/bin/env node
/** The command `millrace`: checks what it runs on, then does what `dist/src/cli/main.js` says. */
import { existsSync, readFileSync } from 'node:fs'

const main = new URL('../dist/src/cli/main.js', import.meta.url)
const { engines } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
const wanted = engines.node.replace('>=', '')
const [major, minor] = process.versions.node.split('.').map(Number)
const [wantedMajor, wantedMinor] = wanted.split('.').map(Number)

if (major < wantedMajor || (major === wantedMajor && minor < wantedMinor)) {
  console.error(`millrace needs Node ${wanted} or later; this is ${process.versions.node}`)
  process.exit(78)
}
if (!existsSync(main)) {
  console.error('millrace is not built here yet: npm run build')
  process.exit(78)
}
const { runCommand } = await import(main.href)
await runCommand()
