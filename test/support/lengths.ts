/**
 * How much the tests do that can do more: a little, to be quick; `MILLRACE_TESTS=long`, as every
 * change has to pass; `MILLRACE_TESTS=full`, as long as the claims were first shown with.
 */
const wanted = process.env['MILLRACE_TESTS']

export const isFull = wanted === 'full'
export const isLong = isFull || wanted === 'long'
