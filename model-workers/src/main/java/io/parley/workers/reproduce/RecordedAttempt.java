package io.parley.workers.reproduce;

import io.parley.routing.protocol.Finish;
import io.parley.routing.protocol.PromptInfo;
import io.parley.routing.protocol.Token;
import io.parley.routing.protocol.Work;
import java.util.List;
import java.util.Optional;

/**
 * What is recorded of one attempt.
 *
 * @param work as it was dispatched: {@code prefix} are the tokens of the attempts before
 * @param prompt what the worker said of it
 * @param tokens the tokens that this attempt brought
 * @param finish if it brought the answer to its end
 */
public record RecordedAttempt(
    Work work, PromptInfo prompt, List<Token> tokens, Optional<Finish> finish) {
  public RecordedAttempt {
    tokens = List.copyOf(tokens);
  }
}
