package io.parley.workers.text;

import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.Role;
import io.parley.workers.gguf.GgufException;
import io.parley.workers.gguf.GgufMetadata;
import java.time.Instant;
import java.util.List;
import java.util.Set;

/** Which vocabularies and chat templates can be used. It needs no native library. */
public final class TextSupport {
  private static final List<Message> GREETING = List.of(new Message(Role.USER, "Hello."));

  private TextSupport() {}

  /**
   * Checks a model file's vocabulary, and renders a greeting with its chat template.
   *
   * @return the number of tokens
   * @throws TokenizerException when the vocabulary is of a kind that is not supported
   * @throws ChatTemplateException when there is no template, or it cannot say a greeting
   * @throws GgufException when metadata is missing or wrong
   */
  public static int check(GgufMetadata metadata) {
    Vocabulary vocabulary = VocabularyKind.of(metadata).read(metadata);
    JinjaChatTemplate.of(metadata).parts(GREETING, Instant.EPOCH, Set.of());
    return vocabulary.size();
  }
}
