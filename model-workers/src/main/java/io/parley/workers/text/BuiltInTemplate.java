package io.parley.workers.text;

import java.util.Optional;

/**
 * Chat templates for files that have none, but whose vocabulary shows which one it was made for.
 */
final class BuiltInTemplate {
  /** Of Gemma's own, without images and without complaints about the order of roles. */
  private static final String GEMMA =
      "{{ bos_token }}"
          + "{% if messages[0]['role'] == 'system' %}"
          + "{% set prefix = messages[0]['content'] + '\\n\\n' %}{% set turns = messages[1:] %}"
          + "{% else %}{% set prefix = '' %}{% set turns = messages %}{% endif %}"
          + "{% for message in turns %}<start_of_turn>"
          + "{% if message['role'] == 'assistant' %}model{% else %}{{ message['role'] }}{% endif %}"
          + "{{ '\\n' }}{% if loop.first %}{{ prefix }}{% endif %}{{ message['content'] | trim }}"
          + "<end_of_turn>\n{% endfor %}"
          + "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}";

  private BuiltInTemplate() {}

  static Optional<String> of(Vocabulary vocabulary) {
    boolean gemma =
        vocabulary.id("<start_of_turn>") != null && vocabulary.id("<end_of_turn>") != null;
    return gemma ? Optional.of(GEMMA) : Optional.empty();
  }
}
