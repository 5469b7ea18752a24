() => {
  // Gradio names its field for files in other words than those that it shows; a screen reader, and
  // who speaks to the page, then does not find what is seen (WCAG 2.5.3). Name it as shown.
  const nameAsShown = () => {
    for (const field of document.querySelectorAll(".upload-container[aria-label]")) {
      const shown = field.innerText.replace(/\s+/g, " ").trim();
      if (shown && field.getAttribute("aria-label") !== shown) {
        field.setAttribute("aria-label", shown);
      }
    }
  };
  new MutationObserver(nameAsShown).observe(document.body, { childList: true, subtree: true });
  nameAsShown();
}
