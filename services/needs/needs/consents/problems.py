"""The problem of a need whose household has not answered yet."""

from chassis.problems import problem

consent_answer_needed = problem(
    422,
    "consent_answer_needed",
    zh="本人还没有用短信答复同意。请等待答复，或上传签字同意书的照片",
    en="The household has not agreed by SMS yet. Wait for its answer, or add the photo of its signed consent.",
)
