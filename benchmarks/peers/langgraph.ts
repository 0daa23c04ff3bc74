import { join } from 'node:path';
import { Annotation, END, START, StateGraph } from '@langchain/langgraph';
import { SqliteSaver } from '@langchain/langgraph-checkpoint-sqlite';
import { installedVersion } from './installed.ts';
import type { Peer, PeerResult, PeerRun } from './peer.ts';

/** LangGraph.js: one node with a conditional edge back to itself, a checkpoint after every step. */
export const langgraph: Peer = {
  name: 'LangGraph.js',
  version: installedVersion('@langchain/langgraph'),
  settings:
    `SqliteSaver ${installedVersion('@langchain/langgraph-checkpoint-sqlite')} at its defaults ` +
    `(better-sqlite3 ${installedVersion('better-sqlite3')}, WAL, synchronous=NORMAL), durability "async" (default), ` +
    'state replaced at each step, recursionLimit raised',
  run: runInLangGraph,
};

async function runInLangGraph<S>({ steps, folder, step, start }: PeerRun<S>): Promise<PeerResult<S>> {
  const Chain = Annotation.Root({ stepIndex: Annotation<number>, state: Annotation<S> });
  const checkpointer = SqliteSaver.fromConnString(join(folder, 'langgraph.db'));
  const graph = new StateGraph(Chain)
    .addNode('step', async (chain) => ({
      stepIndex: chain.stepIndex + 1,
      state: await step(chain.stepIndex, chain.state),
    }))
    .addEdge(START, 'step')
    .addConditionalEdges('step', (chain) => (chain.stepIndex < steps ? 'step' : END))
    .compile({ checkpointer });

  try {
    const began = performance.now();
    const final = await graph.invoke(
      { stepIndex: 0, state: start },
      { configurable: { thread_id: 'chain' }, recursionLimit: steps + 1 },
    );
    return { seconds: (performance.now() - began) / 1000, finalState: final.state };
  } finally {
    checkpointer.db.close();
  }
}
