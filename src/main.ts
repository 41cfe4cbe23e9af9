/** What `npm start` runs: the shop metrics processor, with the settings of the environment. */
import { runShop } from './shop-process.ts'

await runShop(process.env)
