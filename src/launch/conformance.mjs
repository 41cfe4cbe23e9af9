/**
 * `npm run conformance -- [--json] PATH…`: prepares the clone, then runs conformance cases from
 * files through the DSL and says what differs. They are no part of the build: Node reads the
 * TypeScript as it is.
 */
import { register } from 'node:module'
import { prepare } from './prepare.mjs'

await prepare({ build: false })
register('./typescript-hooks.mjs', import.meta.url)
const { main } = await import('../../test/conformance/main.ts')
process.exitCode = await main(process.argv.slice(2))
