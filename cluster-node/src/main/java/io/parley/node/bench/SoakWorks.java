package io.parley.node.bench;

import io.parley.routing.protocol.AttemptId;
import io.parley.routing.protocol.ContextPolicy;
import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.ModelId;
import io.parley.routing.protocol.Priority;
import io.parley.routing.protocol.Role;
import io.parley.routing.protocol.SamplingParams;
import io.parley.routing.protocol.SessionId;
import io.parley.routing.protocol.TenantId;
import io.parley.routing.protocol.Work;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * Random works of all kinds: prompts and answers of all lengths, new conversations and ones that go
 * on, works that are taken up again behind a prefix, several tenants, both priorities, greedy and
 * drawn tokens.
 */
final class SoakWorks {
  private static final List<String> WORDS =
      List.of(
          "the",
          "keeper",
          "of",
          "a",
          "lighthouse",
          "counted",
          "seven",
          "ships",
          "and",
          "wrote",
          "every",
          "name",
          "into",
          "his",
          "book",
          "while",
          "storm",
          "grew");
  private static final List<String> GUIDES =
      List.of(
          "You are a keeper of a lighthouse and answer in short sentences.",
          "Answer in the style of a ship's log, with dates, and leave nothing out that matters.");
  private static final int PROMPT_WORDS_MAX = 300;
  private static final int ANSWER_TOKENS_MAX = 600;
  private static final int CONVERSATIONS_MAX = 32;
  private static final int TENANTS = 3;

  private final ModelId model;
  private final Random random;
  private final List<Work> unfinished = new ArrayList<>();
  private final List<Work> answered = new ArrayList<>();
  private int sessions;

  SoakWorks(ModelId model, Random random) {
    this.model = model;
    this.random = random;
  }

  /** The next work. */
  Work next() {
    int kind = random.nextInt(4);
    if (kind == 0 && !unfinished.isEmpty()) {
      return unfinished.remove(random.nextInt(unfinished.size()));
    }
    if (kind == 1 && !answered.isEmpty()) {
      return answered.remove(random.nextInt(answered.size()));
    }
    SessionId session =
        new SessionId(new TenantId("tenant" + random.nextInt(TENANTS)), "soak" + sessions++);
    List<Message> messages =
        List.of(
            new Message(Role.SYSTEM, GUIDES.get(random.nextInt(GUIDES.size()))),
            new Message(Role.USER, text()));
    return work(new AttemptId(session, 1, 1), messages, List.of(), sampling(), priority());
  }

  /** A later work may take this one up again, behind the tokens that it had. */
  void cancelled(Work work, List<Integer> answer) {
    AttemptId id = work.id();
    keep(
        unfinished,
        work(
            new AttemptId(id.session(), id.turn(), id.attempt() + 1),
            work.messages(),
            answer,
            work.sampling(),
            work.priority()));
  }

  /** A later work may be the next turn. */
  void answered(Work work, String answer) {
    AttemptId id = work.id();
    List<Message> messages = new ArrayList<>(work.messages());
    messages.add(new Message(Role.ASSISTANT, answer));
    messages.add(new Message(Role.USER, text()));
    keep(
        answered,
        work(
            new AttemptId(id.session(), id.turn() + 1, 1),
            messages,
            List.of(),
            sampling(),
            priority()));
  }

  private void keep(List<Work> kept, Work work) {
    if (kept.size() == CONVERSATIONS_MAX) {
      kept.remove(random.nextInt(kept.size()));
    }
    kept.add(work);
  }

  private Work work(
      AttemptId id,
      List<Message> messages,
      List<Integer> prefix,
      SamplingParams sampling,
      Priority priority) {
    return new Work(
        id,
        model,
        messages,
        prefix,
        sampling,
        ContextPolicy.DROP_OLDEST,
        priority,
        0,
        Long.MAX_VALUE);
  }

  private Priority priority() {
    return random.nextInt(3) == 0 ? Priority.BULK : Priority.INTERACTIVE;
  }

  private SamplingParams sampling() {
    double temperature = random.nextInt(3) == 0 ? 0 : 0.5 + random.nextDouble();
    return new SamplingParams(
        temperature,
        random.nextInt(3) == 0 ? 0.9 : 1,
        random.nextInt(4) == 0 ? 40 : 0,
        0,
        random.nextInt(4) == 0 ? 1.1 : 1,
        0,
        0,
        random.nextLong(),
        List.of(),
        skewed(ANSWER_TOKENS_MAX),
        random.nextInt(4) > 0,
        true,
        0);
  }

  private String text() {
    StringBuilder text = new StringBuilder("Go on:");
    for (int words = skewed(PROMPT_WORDS_MAX); words > 0; words--) {
      text.append(' ').append(WORDS.get(random.nextInt(WORDS.size())));
    }
    return text.toString();
  }

  /** 1 to {@code most}, small ones more often. */
  private int skewed(int most) {
    double part = random.nextDouble();
    return 1 + (int) (part * part * most);
  }
}
