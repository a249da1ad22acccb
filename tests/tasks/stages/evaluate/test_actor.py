from tasks.policy.chat import ChatFormat
from tasks.policy.parsing import ParseFailure
from tasks.sampler.sampler import Sampling
from tasks.stages.evaluate import suites
from tasks.stages.evaluate.actor import Actor
from tests.builders import ScriptedSampler
from tests.tasks.stages.evaluate.acting import BROKEN, actor, asked, echoes, states, values


def test_the_actor_parses_and_never_shortens_a_state(chat: ChatFormat) -> None:
    acting = actor(chat, lambda prompt, i: BROKEN if "bad" in prompt else f"{asked(prompt)} {i}", prompt_room=40)
    groups = acting.at(1.0, n=2).act([s.state for s in states("a", "bad", "long " * 60, "b")], turn=3)
    said = [[a.completion.content for a in group] for group in (groups[0], groups[3])]
    assert said == [["a 0", "a 1"], ["b 0", "b 1"]]
    assert all(isinstance(a.completion, ParseFailure) for a in (*groups[1], *groups[2]))
    ((prompts, sampling),) = acting.sampler.asked
    assert len(prompts) == 3, "the state without room was sampled at"
    assert (sampling.n, sampling.temperature) == (2, 1.0)


def test_every_turn_is_sampled_with_a_seed_of_its_own(chat: ChatFormat) -> None:
    acting = actor(chat, lambda prompt, i: "yes", prompt_room=40)
    for turn in (0, 1, 1):
        acting.act([s.state for s in states("a")], turn=turn)
    first, second, again = (sampling.seed for _, sampling in acting.sampler.asked)
    assert first != second == again


def test_an_action_ends_with_whatever_token_the_model_stops_at(chat: ChatFormat) -> None:
    (other,) = chat.encode("<|endoftext|>")
    sampler = ScriptedSampler(chat.tokenizer, lambda prompt, i: asked(prompt), eos=other)
    acting = Actor(sampler, chat, 2000, Sampling(1, 0.0, 64, seed=7))
    assert values(suites.held_out_states(acting, states("a", "b"), echoes)) == [1.0, 1.0]
