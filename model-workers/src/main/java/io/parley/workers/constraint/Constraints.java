package io.parley.workers.constraint;

import io.parley.routing.protocol.AnswerForm;
import io.parley.routing.protocol.TenantId;
import io.parley.workers.text.Tokenizer;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Compiles forms for one vocabulary and keeps the last ones. The tenant is part of the key: a form
 * that took no time to compile tells nobody what others ask for. Thread-safe; what it gives is for
 * one thread.
 */
public final class Constraints {
  private final Tokenizer tokenizer;
  private final int vocabularySize;
  private final Map<Key, FormGrammar> forms;
  private TokenTrie trie;

  private record Key(TenantId tenant, AnswerForm form) {}

  /**
   * Compiles nothing yet.
   *
   * @param vocabularySize of the engine's rows; ids that the tokenizer lacks are never let through
   * @param kept how many forms are kept
   */
  public Constraints(Tokenizer tokenizer, int vocabularySize, int kept) {
    this.tokenizer = tokenizer;
    this.vocabularySize = vocabularySize;
    this.forms =
        new LinkedHashMap<>(16, 0.75f, true) {
          private static final long serialVersionUID = 1L;

          @Override
          protected boolean removeEldestEntry(Map.Entry<Key, FormGrammar> eldest) {
            return size() > kept;
          }
        };
  }

  /**
   * The beginning of an answer of this form; empty where the form holds it to nothing.
   *
   * @throws SchemaException when a schema cannot be held to
   */
  public Optional<Constraint> begin(TenantId tenant, AnswerForm form) {
    return grammar(tenant, form).map(Constraint::new);
  }

  /** Compiles a form that will be asked for, in the caller's thread; throws as {@link #begin}. */
  public void prepare(TenantId tenant, AnswerForm form) {
    grammar(tenant, form);
  }

  private Optional<FormGrammar> grammar(TenantId tenant, AnswerForm form) {
    if (form.json().isEmpty() && form.callable().isEmpty()) {
      return Optional.empty();
    }
    Key key = new Key(tenant, form);
    synchronized (forms) {
      FormGrammar known = forms.get(key);
      if (known != null) {
        return Optional.of(known);
      }
    }
    TokenTrie tokens = trie();
    Grammar grammar = FormCompiler.compile(form, tokens.tokenBytesMax());
    FormGrammar made = new FormGrammar(grammar, tokens);
    synchronized (forms) {
      FormGrammar other = forms.putIfAbsent(key, made);
      return Optional.of(other == null ? made : other);
    }
  }

  /** Made when a form is first asked for: it takes a tenth of a second. */
  private TokenTrie trie() {
    synchronized (tokenizer) {
      if (trie == null) {
        trie = new TokenTrie(tokenizer, vocabularySize);
      }
      return trie;
    }
  }
}
