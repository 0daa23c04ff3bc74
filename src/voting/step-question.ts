import { callPart, callPartAsync, withStep } from '../core/call-part.ts';
import type { Process } from '../core/process.ts';
import type { JsonSchema } from '../core/reply-schema.ts';
import type { Question } from './question.ts';
import { judgeForm } from './verifier.ts';

/** The question of one step of a process. */
export function questionOf<Input, State, Action>(
  process: Process<Input, State, Action>,
  state: State,
  stepIndex: number,
): Question<Action> {
  const { check, verification, role, key, forms } = process;
  const { verify, isVerifiable } = verification ?? {};
  const isVerified =
    verify !== undefined &&
    (isVerifiable === undefined || callPart(process, 'isVerifiable', stepIndex, () => isVerifiable(state)));
  const schemaOf = (replySchema: ((state: State) => JsonSchema | undefined) | undefined) =>
    replySchema && (() => callPart(process, 'replySchema', stepIndex, () => replySchema(state)));
  return {
    stepIndex,
    role: role && callPart(process, 'role', stepIndex, () => role(state)),
    ask: (index) => {
      const form = forms[index]!;
      return {
        prompt: callPart(process, 'prompt', stepIndex, () => form.prompt(state)),
        subject: { process, state, form, stepIndex },
        schema: schemaOf(form.replySchema),
        parse: (text) => {
          try {
            return form.parse(text, state);
          } catch (thrown) {
            throw withStep(thrown, stepIndex);
          }
        },
      };
    },
    formNamed: (variant) => {
      const index = forms.findIndex(({ name }) => name === variant);
      return index >= 0 ? index : undefined;
    },
    check:
      check &&
      ((action) => {
        try {
          return check(action, state);
        } catch (thrown) {
          throw withStep(thrown, stepIndex);
        }
      }),
    judge: (action) => callPart(process, 'verifyPrompt', stepIndex, () => judgeForm(process, state, action)),
    verify: isVerified
      ? (action) => callPartAsync(process, 'verify', stepIndex, () => verify(action, state))
      : undefined,
    key,
  };
}
