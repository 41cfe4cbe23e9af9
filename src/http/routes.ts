/** Routes by path and method: a known path with another method is 405, with what is allowed. */
import type { Context, Hono } from 'hono'
import { problem } from './problem.ts'

type Handler = (context: Context) => Response | Promise<Response>

/** HEAD comes with GET. */
export interface Methods {
  readonly GET?: Handler
  readonly POST?: Handler
}

export function route(app: Hono, path: string, methods: Methods): void {
  if (methods.GET !== undefined) app.get(path, methods.GET)
  if (methods.POST !== undefined) app.post(path, methods.POST)
  const allow = [
    ...(methods.GET === undefined ? [] : ['GET', 'HEAD']),
    ...(methods.POST === undefined ? [] : ['POST']),
  ].join(', ')
  app.all(path, (context) => {
    return problem(context, 405, `${context.req.method} is not for this path: ${allow}`, { allow })
  })
}
