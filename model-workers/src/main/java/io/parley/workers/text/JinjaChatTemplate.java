package io.parley.workers.text;

import io.parley.routing.protocol.AnswerForm.Tool;
import io.parley.routing.protocol.Message;
import io.parley.workers.gguf.GgufException;
import io.parley.workers.gguf.GgufMetadata;
import java.math.BigInteger;
import java.security.SecureRandom;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.function.UnaryOperator;

/**
 * The chat template of a model file (Jinja, as in the Hugging Face library).
 *
 * <p>What a message says must never become a special token. So the template is rendered twice: with
 * the contents, which gives the prompt's text; and with an unguessable marker in the place of each
 * content, which tells where in that text the contents are. Markers carry white space at both ends,
 * so that a template which trims contents shows it. When putting the contents in the markers'
 * places does not give the prompt's text, the template did something else with them: then special
 * tokens inside the contents are replaced by markers instead.
 */
public final class JinjaChatTemplate implements ChatTemplate {
  private static final SecureRandom RANDOM = new SecureRandom();
  private static final String PAD = "\n \n";

  private final TemplateRenderer renderer;
  private final OptionalInt begin;

  /** Whether it describes tools itself, in the words in which answers call them. */
  private final boolean knowsTools;

  /**
   * A template.
   *
   * @param begin the token that every prompt begins with, added where the template does not
   */
  JinjaChatTemplate(String template, String bosToken, String eosToken, OptionalInt begin) {
    this.renderer =
        new TemplateRenderer(template, Map.of("bos_token", bosToken, "eos_token", eosToken));
    this.begin = begin;
    this.knowsTools = template.contains("tools") && template.contains("<tool_call>");
  }

  /**
   * The template of a model file, or the one that its vocabulary is made for.
   *
   * @throws ChatTemplateException when there is neither
   * @throws GgufException when other metadata is missing or wrong
   */
  public static JinjaChatTemplate of(GgufMetadata metadata) {
    String template =
        metadata
            .optionalString("tokenizer.chat_template")
            .or(() -> BuiltInTemplate.of(new Vocabulary(metadata)))
            .orElseThrow(() -> new ChatTemplateException("the model file has no chat template"));
    return of(template, metadata);
  }

  /** Another template for the same model file. */
  public static JinjaChatTemplate of(String template, GgufMetadata metadata) {
    Vocabulary vocabulary = new Vocabulary(metadata);
    String bosKey = "tokenizer.ggml.bos_token_id";
    String eosKey = "tokenizer.ggml.eos_token_id";
    boolean addBegin =
        metadata.has(bosKey)
            && metadata.bool("tokenizer.ggml.add_bos_token", beginsByDefault(metadata));
    return new JinjaChatTemplate(
        template,
        metadata.has(bosKey) ? vocabulary.text(vocabulary.tokenOf(metadata, bosKey)) : "",
        metadata.has(eosKey) ? vocabulary.text(vocabulary.tokenOf(metadata, eosKey)) : "",
        addBegin ? OptionalInt.of(vocabulary.tokenOf(metadata, bosKey)) : OptionalInt.empty());
  }

  /** What llama.cpp takes for granted where a file does not say it. */
  private static boolean beginsByDefault(GgufMetadata metadata) {
    return switch (VocabularyKind.of(metadata)) {
      case PIECES -> true;
      case BYTE_PAIRS ->
          metadata.has("tokenizer.ggml.pre")
              && PreTokenizer.of(metadata.string("tokenizer.ggml.pre")) == PreTokenizer.LLAMA3;
    };
  }

  @Override
  public int[] encode(List<Message> messages, Instant now, Tokenizer tokenizer) {
    return encode(messages, List.of(), now, tokenizer);
  }

  @Override
  public int[] encode(List<Message> messages, List<Tool> tools, Instant now, Tokenizer tokenizer) {
    Set<String> specialTexts = tokenizer.specialTexts();
    // what the template says of tools may hold special tokens, what the caller says may not
    boolean own =
        knowsTools
            && tools.stream()
                .map(ToolPrompt::json)
                .noneMatch(json -> specialTexts.stream().anyMatch(json::contains));
    int[] ids =
        tokenizer.encode(
            own
                ? parts(messages, tools, now, specialTexts)
                : parts(ToolPrompt.plain(messages, tools), List.of(), now, specialTexts));
    if (begin.isEmpty() || (ids.length > 0 && ids[0] == begin.getAsInt())) {
      return ids;
    }
    int[] withBegin = new int[ids.length + 1];
    withBegin[0] = begin.getAsInt();
    System.arraycopy(ids, 0, withBegin, 1, ids.length);
    return withBegin;
  }

  /** The prompt, cut into what the template wrote and what the messages said. */
  List<PromptPart> parts(List<Message> messages, Instant now, Set<String> specialTexts) {
    return parts(messages, List.of(), now, specialTexts);
  }

  private List<PromptPart> parts(
      List<Message> messages, List<Tool> tools, Instant now, Set<String> specialTexts) {
    String prompt = render(messages, tools, now, UnaryOperator.identity());
    List<PromptPart> parts = byMarkers(messages, tools, now);
    if (parts != null && text(parts).equals(prompt)) {
      return parts;
    }
    boolean harmless =
        messages.stream().noneMatch(m -> specialTexts.stream().anyMatch(m.content()::contains));
    return harmless
        ? List.of(new PromptPart(prompt, true))
        : withSpecialTextsMarked(messages, tools, now, specialTexts);
  }

  private static String text(List<PromptPart> parts) {
    StringBuilder text = new StringBuilder();
    parts.forEach(part -> text.append(part.text()));
    return text.toString();
  }

  private String render(
      List<Message> messages, List<Tool> tools, Instant now, UnaryOperator<String> content) {
    List<Map<String, Object>> bindings = new ArrayList<>();
    for (Message message : messages) {
      Map<String, Object> binding = new LinkedHashMap<>();
      binding.put("role", message.role().wireName());
      binding.put("content", content.apply(message.content()));
      bindings.add(binding);
    }
    return renderer.render(bindings, tools.stream().map(ToolPrompt::binding).toList(), now);
  }

  /** A text that nobody can have guessed, so that no content has it in it. */
  private static String marker() {
    return "\ue000" + new BigInteger(130, RANDOM).toString(32) + "\ue001";
  }

  /** The rendering with markers, contents put in their places; null when a marker fails. */
  private List<PromptPart> byMarkers(List<Message> messages, List<Tool> tools, Instant now) {
    String secret = marker();
    List<String> contents = new ArrayList<>();
    String rendered;
    try {
      rendered =
          render(
              messages,
              tools,
              now,
              content -> {
                contents.add(content);
                return PAD + secret + (contents.size() - 1) + "\ue002" + PAD;
              });
    } catch (ChatTemplateException e) {
      return null; // it looks into contents: it took the real ones
    }
    List<PromptPart> parts = new ArrayList<>();
    int from = 0;
    for (int at; (at = rendered.indexOf(secret, from)) >= 0; ) {
      int end = rendered.indexOf('\ue002', at);
      if (end < 0) {
        return null;
      }
      boolean left = at - PAD.length() >= from && rendered.startsWith(PAD, at - PAD.length());
      boolean right = rendered.startsWith(PAD, end + 1);
      int index = Integer.parseInt(rendered, at + secret.length(), end, 10);
      String content = contents.get(index);
      parts.add(new PromptPart(rendered.substring(from, left ? at - PAD.length() : at), true));
      content = left ? content : content.stripLeading();
      parts.add(new PromptPart(right ? content : content.stripTrailing(), false));
      from = end + 1 + (right ? PAD.length() : 0);
    }
    parts.add(new PromptPart(rendered.substring(from), true));
    return parts;
  }

  /** The rendering in which only special tokens inside the contents are marked. */
  private List<PromptPart> withSpecialTextsMarked(
      List<Message> messages, List<Tool> tools, Instant now, Set<String> texts) {
    Map<String, String> byMarker = new LinkedHashMap<>();
    // the longest first: a special text may be part of another
    texts.stream()
        .sorted((a, b) -> b.length() - a.length())
        .filter(t -> messages.stream().anyMatch(m -> m.content().contains(t)))
        .forEach(t -> byMarker.put(marker(), t));
    String rendered =
        render(
            messages,
            tools,
            now,
            content -> {
              String marked = content;
              for (Map.Entry<String, String> entry : byMarker.entrySet()) {
                marked = marked.replace(entry.getValue(), entry.getKey());
              }
              return marked;
            });
    List<PromptPart> parts = List.of(new PromptPart(rendered, true));
    for (Map.Entry<String, String> entry : byMarker.entrySet()) {
      List<PromptPart> cut = new ArrayList<>();
      for (PromptPart part : parts) {
        cut(part, entry.getKey(), entry.getValue(), cut);
      }
      parts = cut;
    }
    return parts;
  }

  private static void cut(PromptPart part, String marker, String text, List<PromptPart> out) {
    int from = 0;
    for (int at; (at = part.text().indexOf(marker, from)) >= 0; from = at + marker.length()) {
      out.add(new PromptPart(part.text().substring(from, at), part.trusted()));
      out.add(new PromptPart(text, false));
    }
    out.add(new PromptPart(part.text().substring(from), part.trusted()));
  }
}
