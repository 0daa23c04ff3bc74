import { useEffect, useState } from 'preact/hooks';
import { count } from './format.ts';
import { OutlineTree } from './outline.tsx';
import { Card } from './parts.tsx';
import { Picture, pictureOf } from './picture.tsx';
import { paths } from './router.ts';

const TICK_MS = 50;
const PACES = [1, 10, 100, 1_000, 10_000, 100_000];
/** A run is played from its start to its end in at most this many seconds. */
const SECONDS = 60;

/**
 * Shows the states of a run as its process draws them, or as the trees that it makes of them, with a slider through all steps.
 * @param props.steps is the number of steps decided so far; until another is chosen, the newest state is shown
 */
export function States(props: { runId: string; steps: number; isOver: boolean; isTree: boolean }) {
  const { runId, steps, isOver, isTree } = props;
  const [chosen, setChosen] = useState<number | null>(null);
  const [isPlaying, setPlaying] = useState(false);
  const [pace, setPace] = useState(() => PACES.find((one) => one * SECONDS >= steps) ?? PACES.at(-1)!);
  const at = Math.min(chosen ?? steps, steps);
  useEffect(() => {
    if (!isPlaying) return;
    const [from, beganMs] = [at, performance.now()];
    const timer = setInterval(() => {
      const reached = from + Math.floor((pace * (performance.now() - beganMs)) / 1_000);
      setChosen(reached);
    }, TICK_MS);
    return () => clearInterval(timer);
  }, [isPlaying, pace]);
  useEffect(() => {
    if (isPlaying && at === steps) choose(steps);
  }, [isPlaying, at, steps]);
  // At the end, the slider follows the steps that come.
  const choose = (step: number) => {
    setPlaying(false);
    setChosen(step >= steps ? null : step);
  };
  const isEnd = isOver && at === steps;
  const what = isEnd ? 'The last state' : `The state before step ${count(at)}`;
  return (
    <Card title={isTree ? 'Tree' : 'State'} place={isTree ? 'wide' : undefined}>
      {isTree ? <OutlineTree runId={runId} at={at} /> : <Picture address={pictureOf(runId, at)} about={what} />}
      <input
        type="range"
        class="scrub"
        min={0}
        max={steps}
        value={at}
        aria-label="Step"
        aria-valuetext={what}
        onInput={({ currentTarget }) => choose(Number(currentTarget.value))}
      />
      <div class="bar">
        <button
          type="button"
          onClick={() => {
            if (!isPlaying && at === steps) setChosen(0);
            setPlaying(!isPlaying);
          }}
        >
          {isPlaying ? 'Pause' : 'Play'}
        </button>
        <label>
          <select aria-label="Pace" value={pace} onChange={({ currentTarget }) => setPace(Number(currentTarget.value))}>
            {PACES.map((one) => (
              <option key={one} value={one}>
                {count(one)} steps/s
              </option>
            ))}
          </select>
        </label>
        <span class="progress-text" role="status">
          {isEnd ? what : <a href={paths.step(runId, at)}>Before step {count(at)}</a>}
        </span>
      </div>
    </Card>
  );
}
