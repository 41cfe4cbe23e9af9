/** A value and the input of a cogroup that it came by. */

export class CogroupValue {
  /** By the order in which the inputs were given. */
  readonly input: number
  readonly value: unknown

  constructor(input: number, value: unknown) {
    this.input = input
    this.value = value
  }
}
