
# Звонки.

section-calls = Звонки
section-calls-hours = Звонки по часам
section-calls-waits = Ожидание
section-calls-parts = Очереди и операторы

column-duration = Время
column-queue = Очередь
column-trunk = Линия
column-operator = Оператор
column-hour = Час
column-wait = Ожидание
column-figure-answered = Отвечено
column-figure-gave-up = Не дождались
column-figure-handled = Обслужено

weekday-1 = Пн
weekday-2 = Вт
weekday-3 = Ср
weekday-4 = Чт
weekday-5 = Пт
weekday-6 = Сб
weekday-7 = Вс

wait-band = { $from }–{ $to } с
wait-over = от { $from } с

caption-hours = Звонки, поступившие в очередь, по дням недели и часам
caption-waits = Сколько ждали: дождавшиеся и нет
caption-queues = По очередям
caption-trunks = По линиям операторов связи
caption-operators = По операторам

figure-offered = Поступило в очередь
figure-answered = Отвечено
figure-handled = Обслужено
figure-abandoned = Не дождались ответа
figure-short_abandoned = Сразу положили трубку
figure-asked_back = Попросили перезвонить
figure-led_on = Переведены на сообщение или объяснение
figure-lost = Оборвались из-за сбоя
figure-waiting = Ожидают сейчас
figure-abandonment_rate = Доля не дождавшихся
figure-answer_rate = Доля отвеченных
figure-service_level = Уровень обслуживания
figure-service_level_strict = Уровень обслуживания, строгий
figure-asa = Среднее ожидание ответа
figure-longest_wait = Самое долгое ожидание
figure-talk = Средний разговор, с удержанием
figure-aht = Среднее время обработки
figure-wrap_up = Отдых после звонков, всего
figure-occupancy = Занятость операторов
figure-callers = Известных звонивших
figure-repeat_callers = Звонили повторно
figure-repeat_share = Доля звонивших повторно
figure-without_identity = Звонки без номера
figure-concurrency = Больше всего звонков сразу
figure-ivr_only = Не дошли до очереди
figure-closed = В нерабочее время
figure-nobody_on_shift = Когда на смене никого не было
figure-direct = Направлены без очереди
figure-callbacks = Обратные звонки
figure-callbacks_reached = Состоявшиеся обратные звонки
figure-outside = Исходящие звонки операторов

formula-offered = Поступило: звонки, вошедшие в очередь. С этого момента идёт ожидание, пока звучит приветствие.
formula-handled = Обслужено: звонки, в которых оператор и звонивший говорили (отвеченные, направленные без очереди, состоявшиеся обратные).
formula-abandoned = Не дождались: положили трубку без оператора через { $short } с ожидания или позже.
formula-short_abandoned = Сразу положили трубку: раньше { $short } с. Каждый из них мог быть испуганным ребёнком.
formula-abandonment_rate = Доля не дождавшихся: не дождавшиеся ÷ (обслуженные + не дождавшиеся), без положивших трубку сразу.
formula-answer_rate = Доля отвеченных: отвеченные ÷ поступившие, без исключений.
formula-service_level = Уровень обслуживания { $target }: отвечено за { $within } с ÷ (отвечено + не дождались дольше { $within } с).
formula-service_level_strict = Строгий: отвечено за { $within } с ÷ все поступившие.
formula-asa = Среднее ожидание: от первой очереди до оператора, по отвеченным.
formula-longest_wait = Самое долгое ожидание: по отвеченным и не дождавшимся.
formula-aht = Время обработки: (разговор + удержание + отдых после звонка) ÷ обслуженные.
formula-occupancy = Занятость: обработка ÷ (обработка + готовность), без перерывов.
formula-repeat_callers = Звонили повторно: два звонка или больше за это время; звонки без номера не учитываются.
formula-concurrency = Больше всего звонков сразу: наибольшее наложение от поступления до конца.
formula-closed = Звонки, не дошедшие до очереди, в нерабочее время и без операторов на смене не считаются поступившими; они показаны отдельно.
