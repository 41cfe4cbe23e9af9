/** A thread that looks for a life which tells a wrong rule from the right one. */
import { register } from 'node:module'
import { parentPort, workerData } from 'node:worker_threads'

register('./mutant-loader.mjs', import.meta.url, { data: { edits: workerData.edits } })
const { search } = await import('./search.ts')
parentPort.postMessage(await search(workerData))
